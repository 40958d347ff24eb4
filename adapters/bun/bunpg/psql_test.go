package bunpg_test

import (
	"bytes"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// psql runs a script as a person would, with the real client.
func psql(t testing.TB, dsn, script string, args ...string) string {
	t.Helper()
	args = append([]string{"--dbname=" + dsn, "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"}, args...)
	return run(t, script, "psql", args...)
}

// run runs a client program of PostgreSQL and returns what it prints.
func run(t testing.TB, input, program string, args ...string) string {
	t.Helper()
	cmd := osexec.Command(clientProgram(t, program), args...) //nolint:gosec // the programs are constants
	cmd.Stdin = strings.NewReader(input)
	var out, diagnostics bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diagnostics
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, diagnostics.String())
	}
	return strings.TrimSpace(out.String())
}

// clientProgram finds a client program; pg_dump must not be older than the
// server, so the newest of Debian's versions comes first.
func clientProgram(t testing.TB, name string) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name) // the pattern is valid
	if len(found) > 0 {
		return slices.Max(found)
	}
	path, err := osexec.LookPath(name)
	if err != nil {
		needServers(t, "needs the program "+name+" of PostgreSQL")
	}
	return path
}
