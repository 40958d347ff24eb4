// Package sqlite is the engine for SQLite.
package sqlite

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// store is that on SQLite. Every write is one immediate transaction.
type store struct {
	engine.Serial
	statements
	// turn is held by the one who writes: waiting in line is fairer than losing
	// against each other in SQLite, and again.
	turn    chan struct{}
	pool    *engine.Prepared // for writes
	file    openFile
	checked atomic.Int64 // schema_version of the file when its triggers were right
}

// New returns the engine of a store in db. It does no I/O.
func New(db *bun.DB, c engine.Config) engine.Engine {
	s := &store{turn: make(chan struct{}, 1), pool: engine.NewPrepared(db.DB)}
	s.Base, s.Write = engine.NewBase(db, c), s.write
	s.SetDialect(s)
	s.SetWriter(s)
	s.statements, s.Writes = s.newStatements(), s.serialTexts()
	s.OnClose = append([]func() error{s.pool.Close}, c.OnClose...)
	s.Read = s.Read.With(s.pool)
	if c.Reader != nil {
		reader := engine.NewPrepared(c.Reader.DB)
		s.OnClose = append([]func() error{reader.Close}, s.OnClose...)
		s.Read = s.Read.WithSeats(reader, c.Reader.DB)
	}
	return s
}

// Within implements engine.Engine. What somebody does to the schema in tx is not known to be
// committed, so that nobody else goes by it.
func (s *store) Within(tx bun.Tx) engine.Backend {
	in := &store{statements: s.statements}
	in.Base, in.Write, in.Writes = s.Base.Within(tx), in.write, s.Writes
	in.SetWriter(in)
	in.checked.Store(s.checked.Load())
	return in
}

//go:embed *.sql
var files embed.FS

// Schema returns the statements that create the schema of a store.
func Schema(n engine.Names) (string, error) { return n.Fill(files, "schema.sql", nil) }

// SearchSchema returns the statements that create the search index.
func SearchSchema(n engine.Names) (string, error) { return n.Fill(files, "search.sql", nil) }

func (s *store) Schema() (string, error) { return Schema(s.Names) }

func (s *store) SearchSchema() (string, error) { return SearchSchema(s.Names) }

func (s *store) Table(suffix string) string { return `"` + s.Names.Table + suffix + `"` }

func (s *store) Source(suffix, alias string) string {
	return s.Table(suffix) + " AS " + alias
}

func (s *store) Presence() string { return "" }

func (s *store) Param(n int) string { return fmt.Sprintf("?%d", n) }

func (s *store) Bind(text string, args []any) (string, []any) { return text, args }

func (s *store) Rows(columns []string, op string, params []string) string {
	return engine.CompareRows(columns, op, params)
}

func (s *store) Union(first, list string) string { return engine.UnionAll(first, list) }

func (s *store) Newest() string { return engine.NewestRow(s) }

func (s *store) In(column, param string) string {
	return column + " IN (SELECT value FROM json_each(" + param + "))"
}

func (s *store) Array(values []string) (any, error) {
	data, err := json.Marshal(values)
	return string(data), err
}

func (s *store) HasPrefix(text, part string) string {
	return "substr(" + text + ", 1, length(" + part + ")) = " + part
}

func (s *store) Contains(text, part string) string {
	return "instr(" + text + ", " + part + ") > 0"
}

func (s *store) Time(t time.Time) any { return t.UnixMicro() }

func (s *store) Now() string {
	return "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) * 1000"
}

func (s *store) Lock() string { return "" }

// Aged asks no clock: SQLite has none but those of the processes that write, and one of
// them may be a year wrong. A row is old when the log has gone on for that long since:
// when the later rows have brought that much time that was new. A time that is not later
// than one before it brings none, and the step from one row to the next a hundredth of
// the age at most. So a clock that is behind makes nothing old, and one that is ahead a
// hundredth sooner. Of a long log, a row in so many is looked at.
func (s *store) Aged() string {
	return strings.ReplaceAll(`WITH RECURSIVE bounds AS (SELECT (SELECT min(revision) FROM changes) AS oldest, (SELECT max(revision) FROM changes) AS newest),
	looked (revision, step, newest) AS (
		SELECT oldest, (newest - oldest) / 1000 + 1, newest FROM bounds
		UNION ALL SELECT revision + step, step, newest FROM looked WHERE revision + step <= newest),
	times AS (
		SELECT c.revision, c.at, max(c.at) OVER (ORDER BY c.revision ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS latest
		FROM looked AS l JOIN changes AS c ON c.revision = l.revision),
	ages AS (
		SELECT revision, sum(min(max(at - latest, 0), max(?1 / 100, 1))) OVER (ORDER BY revision ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS age
		FROM times)
	SELECT max(revision) FROM ages WHERE age >= ?1`, "changes", s.Table("_changes"))
}

func (s *store) Backoff() time.Duration { return 5 * time.Millisecond }
