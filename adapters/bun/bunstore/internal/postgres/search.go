package postgres

import (
	"fmt"
	"strings"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// searchText is what PostgreSQL indexes, and is written alike in the
// file that creates the index. It is ASCII, with each other byte as x and three
// octal digits, because what pg_trgm takes for a letter, and how it lowers case,
// depends on the locale of the database: a name in Japanese has no trigrams at
// all under "C". Spaces and hyphens become x too, because pg_trgm has no trigrams
// across words. A part of a text becomes a part of what the text becomes. It is
// NULL if the folded name is.
func searchText(table string) string {
	text := "replace(" + table + "identifier || chr(10) || " + table + "name_folded, chr(92), chr(92) || chr(92))"
	return "replace(replace(replace(encode(decode(" + text + ", 'escape'), 'escape'), chr(92), 'x'), ' ', 'x'), '-', 'x')"
}

func (p *store) SearchDrop() string {
	return fmt.Sprintf(`DROP INDEX IF EXISTS "%s"."%s_search_idx"`, p.Names.Schema, p.Names.Table)
}

// SearchState is false for an index that CREATE INDEX CONCURRENTLY is building,
// or has failed to.
func (p *store) SearchState() string {
	return fmt.Sprintf("SELECT i.indisvalid FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid"+
		" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = '%s' AND c.relname = '%s_search_idx'", p.Names.Schema, p.Names.Table)
}

// SearchLookup returns a LIKE pattern of the words in what the query becomes, in
// their order, because pg_trgm has no trigrams of other characters. No character
// of a word is special in a pattern.
func (p *store) SearchLookup(folded string) (lookup string, trigrams []string) {
	var text strings.Builder
	for i := range len(folded) {
		switch c := folded[i]; {
		case text.Len() >= engine.MaxLookup:
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
			trigrams = engine.AppendTrigrams(trigrams, word)
		}
	}
	return pattern.String() + "%", trigrams
}

// SearchSample reads whole pages, of twenty tenants or more each. The limit is
// there for the planner: it takes the sample for a tenth of the table otherwise,
// and compiles the statement, which takes longer than all the rest.
func (p *store) SearchSample(share int) string {
	pages := fmt.Sprintf("greatest(pg_relation_size('%s') / current_setting('block_size')::integer, 1)", p.Table(""))
	return "WITH sample AS MATERIALIZED (SELECT " + searchText("t.") + " AS text FROM " + p.Table("") + " AS t" +
		fmt.Sprintf(" TABLESAMPLE SYSTEM ((SELECT least(100.0 / %d, 100.0 * %d / %s)::real)) LIMIT %d)", share, engine.SampleRows/20, pages, 10*engine.SampleRows) +
		" SELECT (SELECT count(*) FROM sample), (SELECT min(h.hits) FROM (SELECT count(*) FILTER (WHERE strpos(s.text, g.trigram) > 0) AS hits" +
		" FROM sample AS s CROSS JOIN unnest($1::text[]) AS g (trigram) GROUP BY g.trigram) AS h)"
}

func (p *store) SearchFrom(param string) (from, condition string) {
	return p.Source("", "t"), searchText("t.") + " LIKE " + param
}
