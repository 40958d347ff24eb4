// Package postgres is the engine for PostgreSQL.
package postgres

import (
	"embed"
	"fmt"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// store is that on PostgreSQL. A write is one statement wherever that is
// possible. Its BEFORE STATEMENT trigger takes the lock of all writers, so the
// statement itself must never wait for a row while it holds that: it locks rows
// NOWAIT, fails if somebody edits them, lets go of everything and is tried
// again. Hence no session is ever in a deadlock with the store.
type store struct {
	*engine.Base
	statements
	foreign func() *store // for sessions that the store has not set up
}

// New returns the engine of a store in db. It does no I/O.
func New(db *bun.DB, c engine.Config) engine.Engine {
	p := newEngine(engine.NewBase(db, c))
	p.foreign = sync.OnceValue(func() *store {
		if !p.SessionsReady {
			return p
		}
		return newEngine(p.Base.Foreign())
	})
	return p
}

func newEngine(b *engine.Base) *store {
	p := &store{Base: b}
	p.SetDialect(p)
	p.SetWriter(p)
	p.statements = p.newStatements()
	return p
}

func (p *store) Within(tx bun.Tx) engine.Backend {
	foreign := p.foreign()
	in := &store{Base: foreign.Base.Within(tx), statements: foreign.statements}
	in.SetWriter(in)
	return in
}

//go:embed *.sql
var files embed.FS

// Schema returns the statements that create the schema of a store.
func Schema(n engine.Names) (string, error) { return n.Fill(files, "schema.sql", nil) }

// SearchSchema returns the statements that create the search index.
func SearchSchema(n engine.Names) (string, error) {
	return n.Fill(files, "search.sql", template.FuncMap{"searchText": searchText})
}

func (p *store) Schema() (string, error) { return Schema(p.Names) }

func (p *store) SearchSchema() (string, error) { return SearchSchema(p.Names) }

func (p *store) Table(suffix string) string {
	return `"` + p.Names.Schema + `"."` + p.Names.Table + suffix + `"`
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

// showsAll is a condition of sessionIsFit: the session sees every row of a table.
func (p *store) showsAll(suffix string) string {
	return "WHEN pg_catalog.row_security_active('" + p.Table(suffix) + "') THEN '" + hiddenRows + "' "
}

// Source leaves out tables that inherit from this one: no trigger of the store fires for
// their rows.
func (p *store) Source(suffix, alias string) string {
	table, fit := p.Table(suffix), "TRUE"
	if !p.SessionsReady {
		fit = sessionIsFit(p.showsAll(suffix))
	}
	return "(SELECT * FROM ONLY " + table + " AS s WHERE " + fit + " AND " + noView("s") + ") AS " + alias
}

// noView is a condition that the planner drops. A view has no tableoid, so that a statement
// with it fails if a view has come into the place of the table.
func noView(alias string) string { return "(TRUE OR " + alias + ".tableoid IS NULL)" }

// Presence looks for a trigger that only a table of a store has, be it disabled.
func (p *store) Presence() string {
	return "SELECT EXISTS (SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_trigger AS g ON g.tgrelid = c.oid JOIN pg_catalog.pg_proc AS p ON p.oid = g.tgfoid" +
		" WHERE c.oid = to_regclass('" + p.Table("") + "') AND c.relkind = 'r' AND p.proname = '" + p.Names.Table + "_record')"
}

func (p *store) Param(n int) string { return fmt.Sprintf("$%d", n) }

func (p *store) Bind(text string, args []any) (string, []any) { return text, args }

func (p *store) Rows(columns []string, op string, params []string) string {
	return engine.CompareRows(columns, op, params)
}

func (p *store) Union(first, list string) string { return engine.UnionAll(first, list) }

func (p *store) Newest() string { return engine.NewestRow(p) }

func (p *store) In(column, param string) string {
	return column + " = ANY(" + param + "::text[])"
}

// Array returns an array literal: every driver can bind a text.
func (p *store) Array(values []string) (any, error) {
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

func (p *store) HasPrefix(text, part string) string {
	return "starts_with(" + text + ", " + part + ")"
}

func (p *store) Contains(text, part string) string {
	return "strpos(" + text + ", " + part + ") > 0"
}

func (p *store) Time(t time.Time) any { return t }

func (p *store) Now() string { return "clock_timestamp()" }

func (p *store) Lock() string { return " FOR NO KEY UPDATE NOWAIT" }

// Aged goes by the clock of the server, which has stamped the rows. Behind one that is
// not old, as the clock has it, none is.
func (p *store) Aged() string {
	return "SELECT coalesce(min(c.revision) FILTER (WHERE c.at >= clock_timestamp() - $1::bigint * interval '1 microsecond') - 1, max(c.revision))" +
		fmt.Sprintf(" FROM (SELECT revision, at FROM %s ORDER BY revision LIMIT %d) AS c", p.Source("_changes", "c"), engine.TrimChunk)
}

func (p *store) Backoff() time.Duration { return 50 * time.Millisecond }
