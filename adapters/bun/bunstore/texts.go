package bunstore

import "fmt"

// readTexts are the statements that both databases have, built once.
type readTexts struct {
	byID, byIdentifier, byIDs, exists string
	owners                            string                // id and identifier of those that have one of two keys
	list                              [numFilters][2]string // second index: 1 after a cursor
	count                             [numFilters]string
	search, indexedSearch             [numFilters]string
	searchState, searchSample         string
	head, changes                     string
	load                              string // by ids, identifiers
	loadByID, loadByIdentifier        string
	trimBound, aged, trim             string
	unknownStatuses                   string
	presence                          string // whether the table of tenants is one of a store; empty if that is not asked
	secret, secrets                   string // what database_url holds: of one tenant, of a page by ID
}

// filterKind selects a text: a statement that compares with one status can walk
// an index in list order.
type filterKind int

const (
	filterNone filterKind = iota
	filterOne             // status = parameter
	filterMany            // status in parameter
	numFilters
)

// params numbers the parameters of a text as it is built.
type params struct {
	d dialect
	n int
}

func (p *params) next() string {
	p.n++
	return p.d.param(p.n)
}

func newReadTexts(d dialect, c config) readTexts {
	n := c.names
	var (
		tenants = d.source(n, "", "t")
		changes = d.source(n, "_changes", "c")
		sel     = "SELECT " + columns + " FROM " + tenants
		newest  = "SELECT revision, mark FROM " + changes + " ORDER BY revision DESC LIMIT 1"
		oldest  = "SELECT revision, mark FROM " + changes + " ORDER BY revision LIMIT 1"
		p1, p2  = d.param(1), d.param(2)
	)
	// A snapshot: the newest position, and the tenants or nothing, as of one
	// instant, because it is one statement.
	snapshot := "SELECT h.revision, h.mark, " + columns + " FROM (" + newest + ") AS h LEFT JOIN "
	x := readTexts{
		unknownStatuses: unknownStatusText(d, n),
		presence:        d.presence(n),
		byID:            sel + " WHERE t.id = " + p1,
		byIdentifier:    sel + " WHERE t.identifier = " + p1,
		byIDs:           sel + " WHERE " + d.in("t.id", p1),
		exists:          "SELECT 1 FROM " + tenants + " WHERE t.id = " + p1,
		owners: "SELECT t.id, t.identifier FROM " + tenants + " WHERE " + d.in("t.id", p1) +
			" UNION ALL SELECT t.id, t.identifier FROM " + tenants + " WHERE " + d.in("t.identifier", p2),
		head: "SELECT o.revision, o.mark, n.revision, n.mark FROM (" + oldest + ") AS o, (" + newest + ") AS n",
		changes: "SELECT revision, mark, op, actor, fields, tenant_id, keys, at FROM " + changes +
			" WHERE revision >= " + p1 + " ORDER BY revision LIMIT " + p2,
		loadByID:         snapshot + tenants + " ON t.id = " + p1,
		loadByIdentifier: snapshot + tenants + " ON t.identifier = " + p1,
		load: snapshot + "(" + sel + " WHERE " + d.in("t.id", p1) +
			" UNION ALL " + sel + " WHERE " + d.in("t.identifier", p2) + ") AS t ON TRUE",
		trimBound: "SELECT min(c.revision), max(c.revision), (SELECT max(revision) FROM " + changes +
			") FROM (SELECT revision FROM " + changes + " ORDER BY revision LIMIT " + p1 + ") AS c",
		aged:   d.aged(n),
		trim:   "DELETE FROM " + d.table(n, "_changes") + " WHERE revision <= " + p1,
		secret: "SELECT t.database_url FROM " + tenants + " WHERE t.id = " + p1,
		secrets: "SELECT t.id, t.database_url FROM " + tenants + " WHERE t.database_url <> '' AND t.id > " + p1 +
			" ORDER BY t.id LIMIT " + p2,
	}
	for f := range numFilters {
		for cursor := range 2 {
			x.list[f][cursor] = listText(d, sel, f, cursor == 1)
		}
		x.count[f] = countText(d, tenants, f)
		x.search[f] = searchText(d, n, f, false)
		x.indexedSearch[f] = searchText(d, n, f, true)
	}
	x.searchState, x.searchSample = d.searchState(n), d.searchSample(n, max(c.sampleShare, 1))
	return x
}

// filterText is the condition of a Filter; base.filter returns its arguments.
func filterText(f filterKind, p *params) string {
	switch f {
	case filterOne:
		return "t.status = " + p.next()
	case filterMany:
		return p.d.in("t.status", p.next())
	}
	return "TRUE"
}

// countText has no condition where nothing filters: SQLite then adds up how many
// entries each page of an index has, without looking at them.
func countText(d dialect, tenants string, f filterKind) string {
	text, p := "SELECT count(*) FROM "+tenants, params{d: d}
	if f != filterNone {
		text += " WHERE " + filterText(f, &p)
	}
	return text
}

func listText(d dialect, sel string, f filterKind, cursor bool) string {
	p := params{d: d}
	where := filterText(f, &p)
	if cursor {
		where += fmt.Sprintf(" AND (t.created_at, t.id) < (%s, %s)", p.next(), p.next())
	}
	return fmt.Sprintf("%s WHERE %s ORDER BY t.created_at DESC, t.id DESC LIMIT %s OFFSET %s", sel, where, p.next(), p.next())
}

// searchText ranks as driver.RankOf does: every tenant, or those that the search
// index finds by its last parameter. Tenants whose folded name is unknown come
// with rank -1, all of them, for the caller to rank.
func searchText(d dialect, n names, f filterKind, indexed bool) string {
	p := params{d: d}
	query, limit := p.next(), p.next()
	filter := filterText(f, &p)
	tenants := d.source(n, "", "t")
	from, found := tenants, "TRUE"
	if indexed {
		from, found = d.searchFrom(n, p.next())
	}
	rank := fmt.Sprintf("CASE WHEN t.identifier = %s THEN 0 WHEN %s THEN 1 WHEN %s THEN 2 WHEN %s THEN 3 ELSE 4 END",
		query, d.hasPrefix("t.identifier", query), d.contains("t.name_folded", query), d.contains("t.identifier", query))
	ranked := "SELECT " + columns + ", " + rank + " AS rank FROM " + from + " WHERE " + found + " AND t.name_folded IS NOT NULL AND " + filter
	return "SELECT t.rank, " + columns + " FROM (SELECT * FROM (" + ranked + ") AS t WHERE t.rank < 4 ORDER BY t.rank, t.identifier LIMIT " + limit + ") AS t" +
		" UNION ALL SELECT -1, " + columns + " FROM " + tenants + " WHERE t.name_folded IS NULL AND " + filter
}
