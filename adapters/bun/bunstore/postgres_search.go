package bunstore

import (
	"fmt"
	"strings"
)

// PostgresSearchText is what PostgreSQL indexes, and is written alike in the
// file that creates the index. It is ASCII, with each other byte as x and three
// octal digits, because what pg_trgm takes for a letter, and how it lowers case,
// depends on the locale of the database: a name in Japanese has no trigrams at
// all under "C". Spaces and hyphens become x too, because pg_trgm has no trigrams
// across words. A part of a text becomes a part of what the text becomes. It is
// NULL if the folded name is.
func (names) PostgresSearchText(table string) string {
	text := "replace(" + table + "identifier || chr(10) || " + table + "name_folded, chr(92), chr(92) || chr(92))"
	return "replace(replace(replace(encode(decode(" + text + ", 'escape'), 'escape'), chr(92), 'x'), ' ', 'x'), '-', 'x')"
}

func (postgresDialect) searchDDLFile() string { return "postgres_search.sql" }

func (postgresDialect) searchDrop(n names) string {
	return fmt.Sprintf(`DROP INDEX IF EXISTS "%s"."%s_search_idx"`, n.Schema, n.Table)
}

// searchState is false for an index that CREATE INDEX CONCURRENTLY is building,
// or has failed to.
func (postgresDialect) searchState(n names) string {
	return fmt.Sprintf("SELECT i.indisvalid FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid"+
		" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = '%s' AND c.relname = '%s_search_idx'", n.Schema, n.Table)
}

// searchLookup returns a LIKE pattern of the words in what the query becomes, in
// their order, because pg_trgm has no trigrams of other characters. No character
// of a word is special in a pattern.
func (postgresDialect) searchLookup(folded string) (lookup string, trigrams []string) {
	var text strings.Builder
	for i := range len(folded) {
		switch c := folded[i]; {
		case text.Len() >= maxLookup:
		case c >= 0x80:
			fmt.Fprintf(&text, "x%03o", c)
		case c == '\\':
			text.WriteString("xx")
		case c == ' ' || c == '-':
			text.WriteByte('x')
		default:
			text.WriteByte(c)
		}
	}
	var pattern strings.Builder
	for _, word := range strings.FieldsFunc(text.String(), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}) {
		if len(word) >= 3 {
			pattern.WriteString("%" + word)
			trigrams = appendTrigrams(trigrams, word)
		}
	}
	return pattern.String() + "%", trigrams
}

// searchSample reads whole pages, of twenty tenants or more each. The limit is
// there for the planner: it takes the sample for a tenth of the table otherwise,
// and compiles the statement, which takes longer than all the rest.
func (d postgresDialect) searchSample(n names, share int) string {
	pages := fmt.Sprintf("greatest(pg_relation_size('%s') / current_setting('block_size')::integer, 1)", d.table(n, ""))
	return "WITH sample AS MATERIALIZED (SELECT " + n.PostgresSearchText("t.") + " AS text FROM " + d.table(n, "") + " AS t" +
		fmt.Sprintf(" TABLESAMPLE SYSTEM ((SELECT least(100.0 / %d, 100.0 * %d / %s)::real)) LIMIT %d)", share, sampleRows/20, pages, 10*sampleRows) +
		" SELECT (SELECT count(*) FROM sample), (SELECT min(h.hits) FROM (SELECT count(*) FILTER (WHERE strpos(s.text, g.trigram) > 0) AS hits" +
		" FROM sample AS s CROSS JOIN unnest($1::text[]) AS g (trigram) GROUP BY g.trigram) AS h)"
}

func (d postgresDialect) searchFrom(n names, param string) (from, condition string) {
	return d.source(n, "", "t"), n.PostgresSearchText("t.") + " LIKE " + param
}
