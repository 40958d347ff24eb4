package sqlite

import (
	"fmt"
	"strings"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

func (s *store) SearchDrop() string {
	var text strings.Builder
	for _, trigger := range []string{"_search_update", "_search_rename", "_search_delete"} {
		text.WriteString("DROP TRIGGER IF EXISTS " + s.Table(trigger) + ";\n")
	}
	for _, table := range []string{"_search_fts", "_search"} {
		text.WriteString("DROP TABLE IF EXISTS " + s.Table(table) + ";\n")
	}
	return text.String()
}

func (s *store) SearchState() string {
	return "SELECT TRUE FROM sqlite_master WHERE type = 'table' AND name = '" + s.Names.Table + "_search'"
}

// SearchLookup returns an expression of FTS5 that asks for all trigrams. One with
// fewer than three runes would match nothing.
func (s *store) SearchLookup(folded string) (lookup string, trigrams []string) {
	runes := []rune(folded)
	trigrams = engine.AppendTrigrams(nil, string(runes[:min(len(runes), engine.MaxLookup)]))
	quoted := make([]string, len(trigrams))
	for i, t := range trigrams {
		quoted[i] = `"` + strings.ReplaceAll(t, `"`, `""`) + `"`
	}
	return strings.Join(quoted, " AND "), trigrams
}

// SearchSample takes one tenant at random of each of as many equal parts of the
// index.
func (s *store) SearchSample(share int) string {
	index := s.Table("_search")
	return "WITH RECURSIVE last(docid) AS MATERIALIZED (SELECT max(docid) FROM " + index + ")," +
		fmt.Sprintf(" size(parts, part) AS MATERIALIZED (SELECT min(%d, docid / %d), docid / min(%d, docid / %d) FROM last WHERE docid >= %d),",
			engine.SampleRows, share, engine.SampleRows, share, share) +
		" place(i, docid) AS (SELECT 0, 1 FROM size UNION ALL SELECT i + 1, (i + 1) * part + 1 + abs(random() % part) FROM place, size WHERE i + 1 < parts)," +
		" sample(text) AS MATERIALIZED (SELECT (SELECT s.text FROM " + index + " AS s WHERE s.docid >= place.docid ORDER BY s.docid LIMIT 1) FROM place)" +
		" SELECT (SELECT count(*) FROM sample), (SELECT min((SELECT count(*) FROM sample WHERE instr(sample.text, value) > 0)) FROM json_each(?1))"
}

func (s *store) SearchFrom(param string) (from, condition string) {
	fts := s.Table("_search_fts")
	// CROSS JOIN keeps SQLite to this order.
	from = fts + " AS f CROSS JOIN " + s.Table("_search") + " AS s ON s.docid = f.rowid CROSS JOIN " + s.Table("") + " AS t ON t.id = s.id"
	return from, "f." + fts + " MATCH " + param
}
