package engine

import (
	"fmt"
	"strings"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Texts are the statements that all databases have, built once.
type Texts struct {
	ByID, byIdentifier, ByIDs, exists string
	Locked                            string                // by ID, in Exclusively, to be written
	Owners                            string                // id and identifier of those that have one of two keys
	list                              [numFilters][2]string // second index: 1 after a cursor
	count                             [numFilters]string
	search, IndexedSearch             [numFilters]string
	searchState, searchSample         string
	head, changes                     string
	load                              string // by ids, identifiers
	loadBy                            map[tenancy.KeyKind]string
	trimBound, aged, trim             string
	unknownStatuses                   string
	presence                          string // whether the table of tenants is one of a store; empty if that is not asked
	secret, secrets                   string // what database_url holds: of one tenant, of a page by ID
	names                             nameTexts
}

// NewestRow is the table h of [Dialect], where the end of an index is found at once.
func NewestRow(d Dialect) string {
	return "(" + newestText(d) + ") AS h"
}

func newestText(d Dialect) string {
	return "SELECT revision, mark FROM " + d.Source("_changes", "c") + " ORDER BY revision DESC LIMIT 1"
}

// UnionAll is Union of [Dialect], where a derived table keeps its order.
func UnionAll(first, list string) string {
	return first + " UNION ALL SELECT * FROM (" + list + ") AS t"
}

// CompareRows is Rows of [Dialect], where rows are compared.
func CompareRows(columns []string, op string, params []string) string {
	return "(" + strings.Join(columns, ", ") + ") " + op + " (" + strings.Join(params, ", ") + ")"
}

// filterKind selects a text: a statement that compares with one status can walk
// an index in list order.
type filterKind int

const (
	FilterNone filterKind = iota
	filterOne             // status = parameter
	filterMany            // status in parameter
	numFilters
)

// params numbers the parameters of a text as it is built.
type params struct {
	d Dialect
	n int
}

func (p *params) next() string {
	p.n++
	return p.d.Param(p.n)
}

func newTexts(d Dialect, sampleShare int) Texts {
	var (
		tenants = d.Source("", "t")
		changes = d.Source("_changes", "c")
		sel     = "SELECT " + Columns + " FROM " + tenants
		oldest  = "SELECT revision, mark FROM " + changes + " ORDER BY revision LIMIT 1"
		p1, p2  = d.Param(1), d.Param(2)
	)
	// A snapshot: the newest position, and the tenants or nothing, as of one
	// instant, because it is one statement.
	asOf := " FROM " + d.Newest() + " LEFT JOIN "
	snapshot := "SELECT h.revision, h.mark, " + Columns + asOf
	x := Texts{
		unknownStatuses: unknownStatusText(d),
		presence:        d.Presence(),
		ByID:            sel + " WHERE t.id = " + p1,
		Locked:          sel + " WHERE t.id = " + p1 + d.Lock(),
		byIdentifier:    sel + " WHERE t.identifier = " + p1,
		ByIDs:           sel + " WHERE " + d.In("t.id", p1),
		exists:          "SELECT 1 FROM " + tenants + " WHERE t.id = " + p1,
		Owners: "SELECT t.id, t.identifier FROM " + tenants + " WHERE " + d.In("t.id", p1) +
			" UNION ALL SELECT t.id, t.identifier FROM " + tenants + " WHERE " + d.In("t.identifier", p2),
		head: "SELECT o.revision, o.mark, n.revision, n.mark FROM (" + oldest + ") AS o, (" + newestText(d) + ") AS n",
		changes: "SELECT revision, mark, op, actor, fields, tenant_id, c.keys, at FROM " + changes +
			" WHERE revision >= " + p1 + " ORDER BY revision LIMIT " + p2,
		load: snapshot + "(" + sel + " WHERE " + d.In("t.id", p1) +
			" UNION ALL " + sel + " WHERE " + d.In("t.identifier", p2) + ") AS t ON TRUE",
		trimBound: "SELECT min(c.revision), max(c.revision), (SELECT max(revision) FROM " + changes +
			") FROM (SELECT revision FROM " + changes + " ORDER BY revision LIMIT " + p1 + ") AS c",
		aged:   d.Aged(),
		trim:   "DELETE FROM " + d.Table("_changes") + " WHERE revision <= " + p1,
		secret: "SELECT t.database_url FROM " + tenants + " WHERE t.id = " + p1,
		secrets: "SELECT t.id, t.database_url FROM " + tenants + " WHERE t.database_url <> '' AND t.id > " + p1 +
			" ORDER BY t.id LIMIT " + p2,
	}
	for f := range numFilters {
		for cursor := range 2 {
			x.list[f][cursor] = pageText(d, Columns, listText(d, sel, f, cursor == 1))
		}
		x.count[f] = countText(d, tenants, f)
		x.search[f] = searchText(d, f, false)
		x.IndexedSearch[f] = searchText(d, f, true)
	}
	x.names = newNameTexts(d, asOf, sel)
	x.loadBy = map[tenancy.KeyKind]string{
		tenancy.KindID:         snapshot + tenants + " ON t.id = " + p1,
		tenancy.KindIdentifier: snapshot + tenants + " ON t.identifier = " + p1,
		tenancy.KindDomain:     x.names.loadByDomain,
		tenancy.KindFormer:     x.names.loadByFormer,
	}
	x.searchState, x.searchSample = d.SearchState(), d.SearchSample(max(sampleShare, 1))
	return x
}

// filterText is the condition of a Filter; Base.filter returns its arguments.
func filterText(f filterKind, p *params) string {
	switch f {
	case filterOne:
		return "t.status = " + p.next()
	case filterMany:
		return p.d.In("t.status", p.next())
	}
	return "TRUE"
}

// countText has no condition where nothing filters: SQLite then adds up how many
// entries each page of an index has, without looking at them.
func countText(d Dialect, tenants string, f filterKind) string {
	text, p := "SELECT count(*) FROM "+tenants, params{d: d}
	if f != FilterNone {
		text += " WHERE " + filterText(f, &p)
	}
	return text
}

// pageText is the statement for a page, as of one instant because it is one: a row with the
// newest position and otherwise NULL, and those of list, which selects columns.
func pageText(d Dialect, columns, list string) string {
	nulls := strings.Repeat("NULL, ", strings.Count(columns, ",")-1)
	return d.Union("SELECT "+nulls+"h.revision, h.mark FROM "+d.Newest(), list)
}

func listText(d Dialect, sel string, f filterKind, cursor bool) string {
	p := params{d: d}
	where := filterText(f, &p)
	if cursor {
		where += " AND " + d.Rows([]string{"t.created_at", "t.id"}, "<", []string{p.next(), p.next()})
	}
	return fmt.Sprintf("%s WHERE %s ORDER BY t.created_at DESC, t.id DESC LIMIT %s OFFSET %s", sel, where, p.next(), p.next())
}
