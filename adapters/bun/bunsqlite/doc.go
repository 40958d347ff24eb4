// Package bunsqlite opens a store of tenants in a SQLite file, or in memory. It
// brings the driver, modernc.org/sqlite, which needs no cgo.
//
// The file is in WAL mode and every commit reaches the disk (see
// [WithSynchronous]). Writes go through one connection with immediate
// transactions, reads through several that cannot write. Several processes may
// use one file on a local disk at once; none of them ever sees SQLITE_BUSY,
// unless another holds a transaction open for longer than the retry timeout of
// package bunstore.
//
// The sqlite3 shell may edit the file while the store runs: triggers keep the
// change log whoever writes.
package bunsqlite
