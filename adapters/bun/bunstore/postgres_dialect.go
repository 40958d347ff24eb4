package bunstore

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/internal/sqlstate"
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
// also whether it has come to a standby, which may lack rows, and whether texts arrive
// as they are. The answer is no boolean, so the statement fails, before it has looked
// at any row.
const (
	hiddenRows = "row-level security hides rows of the store from this role, which is neither the owner nor has BYPASSRLS"
	// unlogged is in the error of a write that no trigger has stamped.
	unlogged = "a trigger of the store is missing, disabled or does something else, so that changes would reach neither the log nor the caches:" +
		" run Migrate as the owner of the tables"
	ruled         = "a rule (CREATE RULE) on the table of tenants or its change log would do something else instead: DROP RULE"
	readStandby   = "the server is a standby; a store needs the primary"
	otherEncoding = "the session has a client_encoding other than UTF8: set it for the connections of the pool"
)

// sessionIsFit is a condition that holds, or makes the statement fail. hidden is a
// further one, and what it means.
func sessionIsFit(hidden string) string {
	return "(SELECT CASE " + hidden + "WHEN pg_catalog.pg_client_encoding() <> 'UTF8' THEN '" + otherEncoding +
		"' WHEN pg_catalog.pg_is_in_recovery() THEN '" + readStandby + "' ELSE 'true' END)::boolean"
}

// source leaves out tables that inherit from this one: no trigger of the store fires for
// their rows.
func (d postgresDialect) source(n names, suffix, alias string) string {
	table, fit := d.table(n, suffix), "TRUE"
	if !d.sessionsReady {
		fit = sessionIsFit("WHEN pg_catalog.row_security_active('" + table + "') THEN '" + hiddenRows + "' ")
	}
	return "(SELECT * FROM ONLY " + table + " AS s WHERE " + fit + " AND " + noView("s") + ") AS " + alias
}

// noView is a condition that the planner drops. A view has no tableoid, so that a statement
// with it fails if a view has come into the place of the table.
func noView(alias string) string { return "(TRUE OR " + alias + ".tableoid IS NULL)" }

// presence looks for a trigger that only a table of a store has, be it disabled.
func (d postgresDialect) presence(n names) string {
	return "SELECT EXISTS (SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_trigger AS g ON g.tgrelid = c.oid JOIN pg_catalog.pg_proc AS p ON p.oid = g.tgfoid" +
		" WHERE c.oid = to_regclass('" + d.table(n, "") + "') AND c.relkind = 'r' AND p.proname = '" + n.Table + "_record')"
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

// aged goes by the clock of the server, which has stamped the rows. Behind one that is
// not old, as the clock has it, none is.
func (d postgresDialect) aged(n names) string {
	return "SELECT coalesce(min(c.revision) FILTER (WHERE c.at >= clock_timestamp() - $1::bigint * interval '1 microsecond') - 1, max(c.revision))" +
		fmt.Sprintf(" FROM (SELECT revision, at FROM %s ORDER BY revision LIMIT %d) AS c", d.source(n, "_changes", "c"), trimChunk)
}

func (postgresDialect) backoff() time.Duration { return 50 * time.Millisecond }

// classify reads the SQLSTATE, which pgx and lib/pq give by a method.
func (postgresDialect) classify(err error) (kind, string) {
	var coded interface{ SQLState() string }
	if !errors.As(err, &coded) {
		return unavailable, describe(err)
	}
	state := coded.SQLState()
	text := sqlstate.Explain(state)
	for _, hidden := range []string{hiddenRows, readStandby, otherEncoding, unlogged} {
		if state == "22P02" && strings.Contains(err.Error(), hidden) {
			text = hidden
		}
	}
	if column := errorField(coded, "ColumnName", "Column"); state == "23502" && (column == "revision" || column == "mark") {
		return unavailable, unlogged
	}
	if name := constraintName(coded); name != "" {
		text += ": constraint " + name
	}
	switch state {
	case "26000":
		return outdated, text
	case "42703":
		if strings.Contains(err.Error(), "tableoid") { // see noView
			return unavailable, "a view stands in the place of a table of the store (SQLSTATE 42703)"
		}
	case "0A000": // "cached plan must not change result type", in the language of the server
		if errorField(coded, "Routine") == "RevalidateCachedQuery" {
			return outdated, "the columns of a table were changed, and a prepared statement is outdated (SQLSTATE 0A000)"
		}
		if errorField(coded, "Routine") == "RewriteQuery" {
			return unavailable, ruled + " (SQLSTATE 0A000)"
		}
		if strings.HasPrefix(errorField(coded, "Routine"), "call_bool_check_hook") { // of transaction_read_only
			return unavailable, readStandby
		}
	case "42804": // "type of parameter … does not match that when preparing the plan", in a trigger
		if strings.HasPrefix(errorField(coded, "Routine"), "plpgsql_param_eval") {
			return outdated, "the columns of a table were changed, and the plan of a trigger is outdated (SQLSTATE 42804)"
		}
	case "55P03", "40P01", "40001":
		return contended, text
	case "57014":
		return interrupted, text
	case "42501":
		return denied, text
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

// aborted reports whether the server has answered in a way that leaves no doubt that
// what it was asked for did not happen, or was never asked.
func aborted(err error) bool {
	var safe interface{ SafeToRetry() bool } // pgx, of what it has not sent
	if errors.As(err, &safe) && safe.SafeToRetry() {
		return true
	}
	var coded interface{ SQLState() string }
	return errors.As(err, &coded) && sqlstate.Aborted(coded.SQLState())
}

func constraintName(err any) string { return errorField(err, "ConstraintName", "Constraint") }

// errorField reads the field of a driver's error that has one of these names, of pgx
// and of lib/pq; they have no methods for it.
func errorField(err any, names ...string) string {
	v := reflect.Indirect(reflect.ValueOf(err))
	if v.Kind() != reflect.Struct {
		return ""
	}
	for _, name := range names {
		if f := v.FieldByName(name); f.IsValid() && f.Kind() == reflect.String {
			return f.String()
		}
	}
	return ""
}
