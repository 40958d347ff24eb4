// Package bunstore keeps tenants in PostgreSQL, MariaDB, MySQL or SQLite, through a *bun.DB.
//
// Packages bunpg, bunmysql and bunsqlite open such a database as it should be set up, and
// return a [Store] of this package; [New] takes one that the program has open
// already. The driver is the caller's choice: this package imports none.
//
// # Guarantees
//
// A [Store] is a [tenancy.Source]. Beyond what package tenancy says:
//
//   - The database keeps the change log itself, by triggers. Whatever any client
//     writes, with psql or the sqlite3 shell too, takes its revision, is logged
//     with every key that it touches, and reaches Watch.
//   - Revisions follow the order of commits and have no gap.
//   - Every operation is atomic, and one statement wherever SQL allows, however
//     many tenants it is about. All arguments are bound; none gets into a
//     statement's text, a log line, an error or a query hook.
//   - Every statement is shown to the query hooks that the *bun.DB has when [New] is called
//     (bundebug, bunotel), with placeholders for arguments.
//   - Deadlocks, lock timeouts, serialization failures and SQLITE_BUSY are
//     retried until the context ends or [WithRetryTimeout] is over. In PostgreSQL
//     the store holds no lock while it waits for a row, so it is never part of a
//     deadlock with somebody's session.
//   - A write whose commit got no answer is never retried. It fails with
//     [tenancy.ErrUnavailable] or the context's error.
//   - [Store.Migrate] may be called by any number of processes at once.
//
// # What the database must offer
//
// PostgreSQL 14 or later with encoding UTF8, or SQLite 3.38 or later. Prepared
// transactions (two-phase commit) of PostgreSQL cannot write tenants, because
// the triggers notify. SQLite is best opened by bunsqlite: without WAL, readers
// and the writer wait for each other.
//
// Reads must go to the primary: a replica would break the promise that a read
// sees every write that returned before it.
//
// # Tables
//
// With the default names, tenants is the table that people may edit; it needs
// only identifier and name from them. So is tenants_names, with the domains and former
// identifiers of tenants; it needs tenant_id and value, and a domain that is verified also
// verified_at. tenants_changes is the log,
// tenants_schema holds the version of the schema, tenants_lock (PostgreSQL),
// tenants_colliding and tenants_actor (SQLite) serve the triggers. With
// [WithSearchIndex] there is also the index tenants_search_idx (PostgreSQL), or the
// tables tenants_search and tenants_search_fts and those that FTS5 adds (SQLite).
// [DDL] shows it all.
//
// Whoever edits by hand may say who they are, for the log: in PostgreSQL by SET
// tenantstore.actor = 'alice'; in SQLite by INSERT INTO tenants_actor VALUES
// ('alice') before the edit, and DELETE FROM tenants_actor after it, in one
// transaction.
package bunstore
