// Package bunpg opens stores in PostgreSQL 14 or later, through pgx.
//
//	store, err := bunpg.Open(ctx, "postgres://app:secret@db.example.com/app?sslmode=verify-full")
//
// [Open] connects, migrates the schema, and returns a [bunstore.Store] that owns
// its connections: Close closes them.
//
// # Sessions
//
// Sessions run under READ COMMITTED, with a lock timeout and with a limit on
// how long a transaction may idle, so that a process that is stopped in the
// middle of a write does not stop the writers of all others. These are startup
// parameters, which cost no round trip; what the connection string says about
// the two times wins. row_security is off, so that the database fails a statement
// from which row-level security would hide tenants: a tenant that may not be seen is
// an outage, not one that does not exist. Only a primary is accepted, never a
// standby, whatever target_session_attrs allows: a store that reads stale rows breaks
// the promises of every cache above it.
//
// # Connections
//
// The connection string is judged before anything is sent; see [Open]. A password that
// changes comes from [WithBeforeConnect], or from a passfile, which is read again for
// each connection, as certificates are. [FromPool] takes a pool that the program has.
// If the server has no connection left, calls wait for those that the pool has. A
// connection that a caller had no time to wait for is made for the next one.
//
// # PgBouncer
//
// Behind a pooler in transaction mode use [WithPgBouncer]: no startup parameter
// (nor one that the connection string has) and no named prepared statement is
// used then. The store's settings are made in each transaction that writes, and each
// read asks whether row-level security would hide rows from it, or a standby answers.
// Such a pooler cannot pass on notifications; give [WithListenDSN] a direct connection
// string, or let the store poll. If the option was forgotten, Open says so.
//
// # Watch
//
// The first Watch opens one more connection, which listens for the notification
// that every committed change sends. It is only a wake-up: what changed is read
// from the log, and the store polls it as well, so a lost connection costs
// latency and never a change.
//
// # Errors
//
// Errors are [tenancy.Error] values. None holds any part of the connection
// string: not even the host, because in a malformed one the password may have
// ended up there. A write that the server has refused wraps [tenancy.ErrNotApplied].
package bunpg
