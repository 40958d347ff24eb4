// Package sqlstate says what the error codes of PostgreSQL mean to a store: the one
// table of them.
package sqlstate

// Explain returns what code means and what to do about it, with the code itself, by
// which operators search.
func Explain(code string) string {
	meaning, known := meanings[code]
	if !known {
		meaning = classes[code[:min(len(code), 2)]]
	}
	if meaning == "" {
		return "PostgreSQL error, SQLSTATE " + code
	}
	return meaning + " (SQLSTATE " + code + ")"
}

// Aborted reports whether a server that answers code has certainly rolled back, or
// never begun, what it was asked for. Not so where the session or the server ended, or
// a pooler answers for it: the commit may have come before.
func Aborted(code string) bool {
	switch code {
	case "57P01", "57P02", "57P03":
		return false
	}
	switch code[:min(len(code), 2)] {
	case "", "08", "58", "XX":
		return false
	}
	return true
}

var meanings = map[string]string{
	"08006": "connection failure",
	"08P01": "protocol violation: a pooler in front of the server has refused the connection, or given it up; behind one in transaction mode use WithPgBouncer",
	"0A000": "feature not supported, or the database's encoding is not UTF8",
	"22001": "value too long: a column of the store has another type than Migrate gave it",
	"22003": "numeric value out of range: a column of the store has another type than Migrate gave it",
	"22021": "invalid byte sequence: the database must have encoding UTF8",
	"22023": "invalid value of a parameter",
	"22P02": "invalid text representation: a column of the store has another type than Migrate gave it",
	"22P05": "untranslatable character: the database must have encoding UTF8",
	"23502": "not-null violation",
	"23503": "foreign key violation",
	"23505": "unique violation",
	"23514": "check violation",
	"25006": "read-only transaction: the server is a standby, or default_transaction_read_only is on for the database or role",
	"25P02": "the transaction is aborted",
	"25P03": "idle_in_transaction_session_timeout: the transaction was idle for too long",
	"25P04": "transaction_timeout: the transaction took too long; raise it for this role",
	"26000": "no such prepared statement: a pooler in transaction mode is in front of the server; use WithPgBouncer",
	"28000": "the server does not let this user in from here; see its pg_hba.conf",
	"28P01": "password authentication failed: the password is wrong, or has expired; WithBeforeConnect supplies one that changes",
	"3D000": "no such database",
	"3F000": "no such schema: run Migrate",
	"40001": "serialization failure",
	"40P01": "deadlock",
	"42501": "permission denied: the role lacks a privilege on the database, the schema or a table of the store, may not create them," +
		" or row-level security is on and the role is neither the owner nor has BYPASSRLS; it stays so until somebody grants it",
	"42703": "no such column: run Migrate",
	"42704": "no such object: run Migrate",
	"42804": "datatype mismatch: a column of the store has another type than Migrate gave it",
	"42809": "wrong object type: a view or foreign table stands in the place of a table of the store",
	"42883": "no such function: run Migrate",
	"42P01": "no such table: run Migrate",
	"42P05": "prepared statement exists already: a pooler in transaction mode is in front of the server; use WithPgBouncer",
	"42P07": "a table of this name exists already, and is not one of a store: choose another with WithTable",
	"53100": "disk full",
	"53200": "out of memory",
	"53300": "too many connections: max_connections of the server, or the limit of the role or database, is used up; see WithPool",
	"54000": "program limit exceeded: if it is the queue of NOTIFY that is full, find the session that listens in a transaction that does not end," +
		" in pg_stat_activity, and end it",
	"55000": "something is not in the state that it must be in, such as the lock table, if it has lost its row: run Migrate",
	"55006": "object in use",
	"55P03": "lock_timeout: the lock was not available in time; find out who holds it, in pg_locks and pg_stat_activity",
	"57014": "statement cancelled: by statement_timeout of the role, database or connection string, or by somebody",
	"57P01": "the server is shutting down, or the session was terminated",
	"57P02": "the server crashed",
	"57P03": "the server cannot accept connections now: it is starting up or shutting down",
	"57P04": "the database was dropped",
	"57P05": "idle_session_timeout: the session was idle for too long",
	"P0001": "refused by a trigger",
	"TS001": "the search index needs the extension pg_trgm, which this role may not create: let an administrator run CREATE EXTENSION pg_trgm in this database once, or GRANT CREATE ON DATABASE to the role",
	"TS002": "the search index needs the extension pg_trgm, which is not installed on the server: it comes with the package postgresql-contrib",
}

// classes are for codes without a meaning of their own.
var classes = map[string]string{
	"08": "connection failure",
	"22": "data exception",
	"23": "constraint violation",
	"25": "invalid transaction state",
	"28": "the server does not let this user in",
	"42": "the statement does not fit the tables: were they changed by hand?",
	"53": "insufficient resources",
	"54": "program limit exceeded",
	"57": "operator intervention",
	"58": "system error",
	"XX": "internal error",
}
