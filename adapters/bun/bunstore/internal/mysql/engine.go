// Package mysql is the engine for MariaDB and MySQL.
package mysql

import (
	"embed"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// store is that on MariaDB or MySQL. Every write is a transaction that locks the row of
// the head table first, as the triggers do: so it is never in a deadlock with another
// writer of tenants that does, and nobody else writes tenants meanwhile.
type store struct {
	engine.Serial
	statements
	pool  *engine.Prepared
	bound *sync.Map // of texts with numbered parameters: bound
}

// New returns the engine of a store in db. It does no I/O.
func New(db *bun.DB, c engine.Config) engine.Engine {
	s := &store{pool: engine.NewPrepared(db.DB), bound: &sync.Map{}}
	s.Base, s.Write = engine.NewBase(db, c), s.write
	s.SetDialect(s)
	s.SetWriter(s)
	s.statements, s.Writes = s.newStatements(), s.serialTexts()
	s.Texts.Owners = s.owners
	s.OnClose = append([]func() error{s.pool.Close}, c.OnClose...)
	s.Read = s.Read.With(s.pool)
	return s
}

func (s *store) Within(tx bun.Tx) engine.Backend {
	in := &store{statements: s.statements, bound: s.bound}
	in.Base, in.Write, in.Writes = s.Base.Within(tx), in.write, s.Writes
	in.SetWriter(in)
	return in
}

//go:embed schema.sql
var files embed.FS

// Schema returns the statements that create the schema of a store, for the client of the
// database.
func Schema(n engine.Names) (string, error) {
	return n.Fill(files, "schema.sql", template.FuncMap{"collation": text(collation), "now": text(now), "mark": text(mark)})
}

func text(s string) func() string { return func() string { return s } }

func (s *store) Schema() (string, error) { return Schema(s.Names) }

func (s *store) Table(suffix string) string { return "`" + s.Names.Table + suffix + "`" }

func (s *store) Source(suffix, alias string) string { return s.Table(suffix) + " AS " + alias }

// Presence looks for a trigger that only a table of a store has. Who may not see those of
// the log either may not see triggers at all.
func (s *store) Presence() string {
	exists := func(suffix, name string) string {
		return "EXISTS (SELECT 1 FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE = '" + s.Names.Table + suffix +
			"' AND TRIGGER_NAME = '" + s.Names.Table + name + "')"
	}
	return "SELECT " + exists("", "_log_insert") + " OR NOT " + exists("_changes", "_keep_newest")
}

func (s *store) Param(n int) string { return "?" + strconv.Itoa(n) }

// bound is a text as the server takes it, and which argument goes to each of its
// parameters.
type bound struct {
	text  string
	order []int
}

var param = regexp.MustCompile(`\?[0-9]+`)

// Bind makes parameters that have numbers to parameters that have places.
func (s *store) Bind(text string, args []any) (string, []any) {
	if len(args) == 0 {
		return text, nil
	}
	known, ok := s.bound.Load(text)
	if !ok {
		var b bound
		b.text = param.ReplaceAllStringFunc(text, func(p string) string {
			n, _ := strconv.Atoi(p[1:]) // digits alone
			b.order = append(b.order, n-1)
			return "?"
		})
		known, _ = s.bound.LoadOrStore(text, b)
	}
	b := known.(bound)
	placed := make([]any, len(b.order))
	for i, n := range b.order {
		placed[i] = args[n]
	}
	return b.text, placed
}

// Rows is spelled out: of a comparison of rows, the database makes no range of an index.
func (s *store) Rows(columns []string, op string, params []string) string {
	column, param := columns[0], params[0]
	text := column + " " + op + " " + param
	if len(columns) > 1 {
		text += " OR " + column + " = " + param + " AND " + s.Rows(columns[1:], op, params[1:])
	}
	return "(" + text + ")"
}

// Union makes no table of its own: a derived one that is too large for memory loses its
// order, and of a UNION ALL that nothing sorts each row is sent at once.
func (s *store) Union(first, list string) string { return "(" + first + ") UNION ALL (" + list + ")" }

// Newest goes by the head: the row that comes first in an index would be copied to a table
// of its own.
func (s *store) Newest() string {
	return s.Source("_head", "g") + " JOIN " + s.Source("_changes", "h") + " ON g.id = 1 AND h.revision = g.revision"
}

// collation is that of every text: by bytes, where trailing blanks count.
const collation = "CHARACTER SET utf8mb4 COLLATE /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */"

// list is a table of the texts that are bound to param as an array.
func list(param string) string {
	return "JSON_TABLE(" + param + ", '$[*]' COLUMNS (value VARCHAR(255) " + collation + " PATH '$')) AS j"
}

func (s *store) In(column, param string) string {
	return column + " IN (SELECT j.value FROM " + list(param) + ")"
}

func (s *store) Array(values []string) (any, error) {
	data, err := json.Marshal(values)
	return string(data), err
}

func (s *store) HasPrefix(text, part string) string {
	return "LEFT(" + text + ", CHAR_LENGTH(" + part + ")) = " + part
}

func (s *store) Contains(text, part string) string { return "LOCATE(" + part + ", " + text + ") > 0" }

func (s *store) Time(t time.Time) any { return t.UnixMicro() }

// now is the time of the server's clock at which a statement began.
const now = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))"

// mark is a random number that is not 0.
const mark = "CAST(CONV(LEFT(MD5(CONCAT(UUID(), RAND())), 15), 16, 10) AS SIGNED) | 1"

func (s *store) Now() string { return now }

func (s *store) Lock() string { return newest }

// Aged goes by the clock of the server, which has stamped the rows. Behind one that is
// not old, as the clock has it, none is.
func (s *store) Aged() string {
	return "SELECT COALESCE(MIN(CASE WHEN c.at >= " + now + " - ?1 THEN c.revision END) - 1, MAX(c.revision))" +
		fmt.Sprintf(" FROM (SELECT revision, at FROM %s ORDER BY revision LIMIT %d) AS c", s.Source("_changes", "c"), engine.TrimChunk)
}

func (s *store) Backoff() time.Duration { return 50 * time.Millisecond }

// There is no search index: MariaDB has none of trigrams.

func (s *store) SearchSchema() (string, error)              { return "", nil }
func (s *store) SearchDrop() string                         { return "DO 0" }
func (s *store) SearchState() string                        { return "SELECT TRUE FROM DUAL WHERE FALSE" }
func (s *store) SearchLookup(string) (string, []string)     { return "", nil }
func (s *store) SearchSample(int) string                    { return "SELECT 0, 0" }
func (s *store) SearchFrom(string) (from, condition string) { return s.Source("", "t"), "TRUE" }

// statementsOf splits a schema, which is written for the client of the database.
func statementsOf(schema string) (texts []string) {
	_, schema, _ = strings.Cut(schema, "DELIMITER //\n")
	schema, _, _ = strings.Cut(schema, "\nDELIMITER ;\n")
	for _, text := range strings.Split(schema, "\n//\n") {
		if text = strings.TrimSpace(text); text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}
