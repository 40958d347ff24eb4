package bunstore

import (
	"fmt"
	"strings"
)

func (sqliteDialect) searchDDLFile() string { return "sqlite_search.sql" }

func (d sqliteDialect) searchDrop(n names) string {
	var text strings.Builder
	for _, trigger := range []string{"_search_update", "_search_rename", "_search_delete"} {
		text.WriteString("DROP TRIGGER IF EXISTS " + d.table(n, trigger) + ";\n")
	}
	for _, table := range []string{"_search_fts", "_search"} {
		text.WriteString("DROP TABLE IF EXISTS " + d.table(n, table) + ";\n")
	}
	return text.String()
}

func (sqliteDialect) searchState(n names) string {
	return "SELECT TRUE FROM sqlite_master WHERE type = 'table' AND name = '" + n.Table + "_search'"
}

// searchLookup returns an expression of FTS5 that asks for all trigrams. One with
// fewer than three runes would match nothing.
func (sqliteDialect) searchLookup(folded string) (lookup string, trigrams []string) {
	runes := []rune(folded)
	trigrams = appendTrigrams(nil, string(runes[:min(len(runes), maxLookup)]))
	quoted := make([]string, len(trigrams))
	for i, t := range trigrams {
		quoted[i] = `"` + strings.ReplaceAll(t, `"`, `""`) + `"`
	}
	return strings.Join(quoted, " AND "), trigrams
}

// searchSample takes one tenant at random of each of as many equal parts of the
// index.
func (d sqliteDialect) searchSample(n names, share int) string {
	index := d.table(n, "_search")
	return "WITH RECURSIVE last(docid) AS MATERIALIZED (SELECT max(docid) FROM " + index + ")," +
		fmt.Sprintf(" size(parts, part) AS MATERIALIZED (SELECT min(%d, docid / %d), docid / min(%d, docid / %d) FROM last WHERE docid >= %d),",
			sampleRows, share, sampleRows, share, share) +
		" place(i, docid) AS (SELECT 0, 1 FROM size UNION ALL SELECT i + 1, (i + 1) * part + 1 + abs(random() % part) FROM place, size WHERE i + 1 < parts)," +
		" sample(text) AS MATERIALIZED (SELECT (SELECT s.text FROM " + index + " AS s WHERE s.docid >= place.docid ORDER BY s.docid LIMIT 1) FROM place)" +
		" SELECT (SELECT count(*) FROM sample), (SELECT min((SELECT count(*) FROM sample WHERE instr(sample.text, value) > 0)) FROM json_each(?1))"
}

func (d sqliteDialect) searchFrom(n names, param string) (from, condition string) {
	fts := d.table(n, "_search_fts")
	// CROSS JOIN keeps SQLite to this order.
	from = fts + " AS f CROSS JOIN " + d.table(n, "_search") + " AS s ON s.docid = f.rowid CROSS JOIN " + d.table(n, "") + " AS t ON t.id = s.id"
	return from, "f." + fts + " MATCH " + param
}
