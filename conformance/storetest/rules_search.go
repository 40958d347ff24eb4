package storetest

import (
	"strings"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func searchRules() []Rule {
	return []Rule{
		{
			Name: "search-folds-case",
			Says: "Search ignores case by the rules of Unicode, and whether a letter and its mark are one character or two; nothing else: accents count.",
			check: func(p *probe) {
				p.named("straße Und MÜLLER", "ΣΊΣΥΦΟΣ Éclair", "Дом Книги", "Ⅷ ſ K", "İstanbul Ilıca", "Ǆungla", "Plain ASCII", "Cafe\u0301 Vie\u0323\u0302t", "\u1112\u1161\u11ab\u1100\u1173\u11af")
				for _, c := range []struct {
					query string
					want  []int
				}{
					{"müller", []int{0}}, {"MÜLLER", []int{0}}, {"muller", nil},
					{"STRAẞE", []int{0}}, {"strasse", nil},
					{"σίσυφος", []int{1}}, {"σίσυφοσ", []int{1}}, {"ÉCLAIR", []int{1}}, {"éclair", []int{1}}, {"eclair", nil}, {"e\u0301clair", []int{1}}, {"E\u0301CLAIR", []int{1}}, {"mu\u0308ller", []int{0}},
					{"Café", []int{7}}, {"CAFE\u0301", []int{7}}, {"cafe", nil}, {"việt", []int{7}}, {"VIÊ\u0323T", []int{7}}, {"한글", []int{8}}, {"글", []int{8}},
					{"дом", []int{2}}, {"КНИГИ", []int{2}},
					{"ⅷ", []int{3}}, {"Ⅷ S k", []int{3}}, {"s K", []int{3}},
					{"İSTANBUL", []int{4}}, {"istanbul", nil}, {"ILı", []int{4}},
					{"ǆUNGLA", []int{5}}, {"ǅungla", []int{5}},
					{"plain ascii", []int{6}}, {"TENANT-00006", []int{6}},
				} {
					p.finds(c.query, c.want...)
				}
			},
		},
		{
			Name: "search-literal",
			Says: "The query of a Search is a literal text: %, _, \\, *, [ and quotes are plain characters.",
			check: func(p *probe) {
				p.named("100% sure", "100 percent", "under_score", "under-score", `back\slash`, "back/slash", "it's", `say "hi"`, "[a-z]*", "a?b", "(x|y)", "dot.dot", "dotXdot", "  two  spaces  ", "; DROP TABLE tenants; --", "$1 ?1 :x @x", "tab\there")
				for _, c := range []struct {
					query string
					want  []int
				}{
					{"100%", []int{0}}, {"%", []int{0}}, {"100", []int{0, 1}}, {"r_s", []int{2}}, {"_", []int{2}}, {`\`, []int{4}}, {`k\s`, []int{4}}, {`\%`, nil}, {`\\`, nil},
					{"'", []int{6}}, {`"hi"`, []int{7}}, {"[a-z]", []int{8}}, {"*", []int{8}}, {"?b", []int{9}}, {"(x|y)", []int{10}}, {"t.d", []int{11}},
					{"  two", []int{13}}, {"two  spaces  ", []int{13}}, {"; drop table", []int{14}}, {"--", []int{14}}, {"$1", []int{15}}, {"?1 :x @x", []int{15}}, {"\t", []int{16}},
					{"%sure", nil}, {"_nder", nil}, {"\n", nil},
				} {
					p.finds(c.query, c.want...)
				}
			},
		},
		{
			Name: "search-rank",
			Says: "Search orders by rank: exact identifier, identifier prefix, name contains, identifier contains.",
			check: func(p *probe) {
				p.createAll(
					tenancy.Tenant{Identifier: "not-acme", Name: "Something"},   // identifier contains
					tenancy.Tenant{Identifier: "zebra", Name: "The ACME Corp"},  // name contains
					tenancy.Tenant{Identifier: "acme-zoo", Name: "Zoo"},         // identifier prefix
					tenancy.Tenant{Identifier: "acme", Name: "Exact"},           // exact identifier
					tenancy.Tenant{Identifier: "my-acme", Name: "My acme shop"}, // name contains, before identifier contains
					tenancy.Tenant{Identifier: "nothing", Name: "Acm"},          // no match
				)
				for _, query := range []string{"acme", "ACME", "Acme"} {
					p.found(query, tenancy.SearchOptions{}, "acme", "acme-zoo", "my-acme", "zebra", "not-acme")
				}
				p.found("acme", tenancy.SearchOptions{Limit: 3}, "acme", "acme-zoo", "my-acme")
			},
		},
		{
			Name: "search-ties",
			Says: "Tenants of one rank are found in byte order of their identifiers.",
			check: func(p *probe) {
				p.createAll(
					tenancy.Tenant{Identifier: "web-b", Name: "Shop"}, tenancy.Tenant{Identifier: "web1", Name: "Shop"},
					tenancy.Tenant{Identifier: "web-a", Name: "Shop"}, tenancy.Tenant{Identifier: "weba", Name: "Shop"},
					tenancy.Tenant{Identifier: "web-10", Name: "Shop"}, tenancy.Tenant{Identifier: "web-9", Name: "Shop"},
				)
				order := []string{"web-10", "web-9", "web-a", "web-b", "web1", "weba"}
				p.found("web", tenancy.SearchOptions{}, order...)
				p.found("shop", tenancy.SearchOptions{}, order...)
				p.found("shop", tenancy.SearchOptions{Limit: 2}, order[:2]...)
			},
		},
		{
			Name: "search-limit",
			Says: "Search returns 10 tenants by default, at most 1,000; a Limit outside of 0 to 1,000 is ErrInvalid with the field limit.",
			check: func(p *probe) {
				p.createMany(1005)
				equal(p, len(p.search("tenant", tenancy.SearchOptions{})), 10, "number of results without Limit")
				equal(p, len(p.search("tenant", tenancy.SearchOptions{Limit: 1000})), 1000, "number of results with Limit 1000")
				equal(p, len(p.search("tenant", tenancy.SearchOptions{Limit: 1})), 1, "number of results with Limit 1")
				for _, limit := range []int{-1, 1001} {
					_, err := p.s.Search(p.ctx, "tenant", tenancy.SearchOptions{Limit: limit})
					p.failsIn(err, tenancy.ErrInvalid, "limit", "Search with Limit %d", limit)
				}
			},
		},
		{
			Name: "search-empty-query",
			Says: "The empty query matches every tenant, in order of identifier.",
			check: func(p *probe) {
				p.sameAll(p.search("", tenancy.SearchOptions{}), nil, "Search of an empty store")
				p.createAll(
					tenancy.Tenant{Identifier: "bbb", Name: "One"}, tenancy.Tenant{Identifier: "ccc", Name: "Two"}, tenancy.Tenant{Identifier: "aaa", Name: "Three"},
				)
				p.found("", tenancy.SearchOptions{}, "aaa", "bbb", "ccc")
				p.found("", tenancy.SearchOptions{Limit: 2}, "aaa", "bbb")
			},
		},
		{
			Name: "search-filter",
			Says: "Search with a filter returns tenants with one of its statuses only, and fills its limit with them.",
			check: func(p *probe) {
				for i := range 20 {
					t := tenant(i)
					t.Status = tenancy.Statuses()[i%4]
					p.create(t)
				}
				filter := tenancy.Filter{Statuses: []tenancy.Status{tenancy.StatusSuspended, tenancy.StatusDeleted}}
				var want []string
				for i := range 20 {
					if i%4 >= 2 {
						want = append(want, tenant(i).Identifier)
					}
				}
				p.found("TENANT", tenancy.SearchOptions{Filter: filter}, want...)
				p.found("tenant", tenancy.SearchOptions{Filter: filter, Limit: 3}, want[:3]...)
			},
		},
		{
			Name: "search-follows-writes",
			Says: "Search finds a tenant under what it is called now, not under what it was called before.",
			check: func(p *probe) {
				t := p.create(tenancy.Tenant{Identifier: "before", Name: "Früher"})
				p.found("FRÜHER", tenancy.SearchOptions{}, "before")
				t.Identifier, t.Name = "after", "Später"
				t = p.update(t)
				p.found("früher", tenancy.SearchOptions{})
				p.found("before", tenancy.SearchOptions{})
				p.found("SPÄTER", tenancy.SearchOptions{}, "after")
				p.found("after", tenancy.SearchOptions{}, "after")
				p.sameAll(p.search("später", tenancy.SearchOptions{}), []tenancy.Tenant{t}, "Search after Update")
				t = p.setStatus(t.ID, tenancy.StatusSuspended)
				p.sameAll(p.search("später", tenancy.SearchOptions{}), []tenancy.Tenant{t}, "Search after SetStatus")
				t = p.patch(t.ID, `{"a":1}`)
				p.sameAll(p.search("später", tenancy.SearchOptions{}), []tenancy.Tenant{t}, "Search after UpdateMetadata")
				p.delete(t.ID)
				p.found("später", tenancy.SearchOptions{})
			},
		},
	}
}

// named creates the plain tenants 0 and up with these names.
func (p *probe) named(names ...string) {
	p.Helper()
	ts := make([]tenancy.Tenant, len(names))
	for i, name := range names {
		ts[i] = tenant(i)
		ts[i].Name = name
	}
	p.createAll(ts...)
}

// finds expects a search to find these of the plain tenants, which are all of
// one rank.
func (p *probe) finds(query string, numbers ...int) {
	p.Helper()
	identifiers := make([]string, len(numbers))
	for i, n := range numbers {
		identifiers[i] = tenant(n).Identifier
	}
	p.found(query, tenancy.SearchOptions{}, identifiers...)
}

func (p *probe) found(query string, opts tenancy.SearchOptions, identifiers ...string) {
	p.Helper()
	ts := p.search(query, opts)
	got := make([]string, len(ts))
	for i, t := range ts {
		got[i] = t.Identifier
	}
	if strings.Join(got, " ") != strings.Join(identifiers, " ") {
		p.Errorf("Search %+q: found %q, want %q", query, got, identifiers)
	}
}
