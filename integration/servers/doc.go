//go:build unix

// Package servers runs throwaway database and cache servers, PostgreSQL, MariaDB,
// Valkey and Redis, for tests and benchmarks that want real ones: each on a free port of
// the loopback interface, with its data in a temporary directory.
//
// The program cmd/withservers runs a command, such as go test, with servers
// that all its tests share. A test that needs a server for itself, to kill it
// or to put an older backup in its place, starts one with [NewPostgres],
// [NewMariaDB] or [NewValkey]; [NewCluster] and [NewSentinelSet] start several.
//
// # What is left behind
//
//   - Close stops the server and removes its directory; the servers of a test
//     are closed when the test ends, however it ends.
//   - If the program that started a server dies without closing it (kill -9, a
//     panic, a test that timed out), Linux stops the server at once. Its
//     directory stays until the next start of a server of this package, which
//     removes those that have lost their owner. On other systems the server
//     lives on and has to be stopped by hand.
//
// # Where servers come from
//
// Programs of PostgreSQL are looked for in PATH and where Debian puts them; the
// others are in PATH. The script install.sh installs what is missing. Servers do
// not run as root; they run as the user postgres or nobody then.
package servers
