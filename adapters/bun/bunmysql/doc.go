// Package bunmysql opens stores in MariaDB 10.6 or MySQL 8.0.21, or later, through
// go-sql-driver/mysql.
//
//	store, err := bunmysql.Open(ctx, "mysql://app:secret@db.example.com/app?tls=true")
//
// [Open] connects, migrates the schema, and returns a [bunstore.Store] that owns its
// connections: Close closes them. docs/mysql.md has what differs from PostgreSQL: above
// all, there are no notifications, so that changes of other processes are seen at the next
// poll, or over the bus of a shared cache.
//
// # Sessions
//
// Sessions run under READ COMMITTED and strict SQL, with a lock timeout of a second, and in
// MariaDB with a limit of ten seconds on how long a transaction that has written may idle,
// so that a process that is stopped in the middle of a write does not stop the writers of
// all others. MySQL has no such limit.
//
// # Errors
//
// Errors are [tenancy.Error] values. None holds any part of the DSN, of a row or of an
// argument. A write whose transaction was rolled back wraps [tenancy.ErrNotApplied].
package bunmysql
