package bunstore

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

type postgresDialect struct {
	sessionsReady bool // see WithSessionDefaults
}

func (postgresDialect) ddlFile() string { return "postgres.sql" }

func (postgresDialect) table(n names, suffix string) string {
	return `"` + n.Schema + `"."` + n.Table + suffix + `"`
}

// A database must not answer "nothing" where it means "no". Under row_security = off it
// refuses a statement from which policies would hide rows. Where sessions cannot be
// relied on to have that, as behind a pooler in transaction mode, each read asks; and
// also whether it has come to a standby, which may lack rows. The answer is no boolean,
// so the statement fails, before it has looked at any row.
const (
	hiddenRows  = "row-level security hides rows"
	readStandby = "this server is a standby"
)

func (d postgresDialect) source(n names, suffix, alias string) string {
	table := d.table(n, suffix)
	if d.sessionsReady {
		return table + " AS " + alias
	}
	return "(SELECT * FROM " + table + " WHERE (SELECT CASE WHEN pg_catalog.row_security_active('" + table + "') THEN '" + hiddenRows +
		"' WHEN pg_catalog.pg_is_in_recovery() THEN '" + readStandby + "' ELSE 'true' END)::boolean) AS " + alias
}

func (postgresDialect) param(n int) string { return fmt.Sprintf("$%d", n) }

func (postgresDialect) in(column, param string) string {
	return column + " = ANY(" + param + "::text[])"
}

// texts returns an array literal: every driver can bind a text.
func (postgresDialect) texts(values []string) (any, error) {
	var b strings.Builder
	b.WriteByte('{')
	for i, v := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		for j := range len(v) {
			if v[j] == '"' || v[j] == '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(v[j])
		}
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.String(), nil
}

func (postgresDialect) hasPrefix(text, part string) string {
	return "starts_with(" + text + ", " + part + ")"
}

func (postgresDialect) contains(text, part string) string {
	return "strpos(" + text + ", " + part + ") > 0"
}

func (postgresDialect) time(t time.Time) any { return t }

func (postgresDialect) backoff() time.Duration { return 50 * time.Millisecond }

// classify reads the SQLSTATE, which pgx and lib/pq give by a method.
func (postgresDialect) classify(err error) (kind, string) {
	var coded interface{ SQLState() string }
	if !errors.As(err, &coded) {
		return unavailable, describe(err)
	}
	state := coded.SQLState()
	text := "PostgreSQL error " + state
	if meaning, ok := postgresMeanings[state]; ok {
		text += " (" + meaning + ")"
	}
	if name := constraintName(coded); name != "" {
		text += ": constraint " + name
	}
	switch state {
	case "55P03", "40P01", "40001":
		return contended, text
	case "57014":
		return interrupted, text
	case "23505":
		return duplicate, text
	case "P0001":
		return refused, text
	}
	if strings.HasPrefix(state, "23") {
		return refused, text
	}
	return unavailable, text
}

var postgresMeanings = map[string]string{
	"08006": "connection failure",
	"0A000": "feature not supported: does the database have encoding UTF8?",
	"22021": "invalid byte sequence: the database must have encoding UTF8",
	"22P05": "untranslatable character: the database must have encoding UTF8",
	"23502": "not-null violation",
	"23503": "foreign key violation",
	"23505": "unique violation",
	"23514": "check violation",
	"25006": "read-only transaction: this server is a standby, or read-only",
	"25P03": "idle-in-transaction timeout",
	"3D000": "no such database",
	"3F000": "no such schema: run Migrate",
	"40001": "serialization failure",
	"40P01": "deadlock",
	"42501": "permission denied: the role lacks a privilege on the schema or a table of the store, or may not create them",
	"42703": "no such column: run Migrate",
	"42883": "no such function: run Migrate",
	"42P01": "no such table: run Migrate",
	"42P07": "a table of this name exists already, and is not one of a store: choose another with WithTable",
	"53100": "disk full",
	"53300": "too many connections",
	"55000": "object not in the required state",
	"55P03": "lock not available",
	"57014": "statement cancelled",
	"57P01": "the server is shutting down, or the session was terminated",
	"57P02": "the server crashed",
	"57P03": "the server cannot accept connections now",
	"P0001": "refused by a trigger",
	"TS001": "the search index needs the extension pg_trgm, which this role may not create: let an administrator run CREATE EXTENSION pg_trgm in this database once, or GRANT CREATE ON DATABASE to the role",
	"TS002": "the search index needs the extension pg_trgm, which is not installed on the server: it comes with the package postgresql-contrib",
}

// constraintName reads the field of that name; no driver has a method for it.
func constraintName(err any) string {
	v := reflect.Indirect(reflect.ValueOf(err))
	if v.Kind() != reflect.Struct {
		return ""
	}
	for _, name := range []string{"ConstraintName", "Constraint"} { // pgx, lib/pq
		if f := v.FieldByName(name); f.IsValid() && f.Kind() == reflect.String {
			return f.String()
		}
	}
	return ""
}
