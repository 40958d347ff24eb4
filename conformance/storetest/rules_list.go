package storetest

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func listRules() []Rule {
	return []Rule{
		{
			Name: "list-order",
			Says: "List is ordered by CreatedAt, then by ID in byte order, both descending.",
			check: func(p *probe) {
				early := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
				late := early.Add(time.Microsecond)
				ids := []string{"a", "B", "b", "A", "Z", "z", "10", "9", "-", "_", "a-", "aa", "a b", "é", "É", "e\u0301", "ä", "ż", "Ω", "ω", "日本", "🙂", "~", "a\u00b7b", "ﬀ", "ff"}
				var given []tenancy.Tenant
				for i, id := range ids {
					t := tenant(i)
					t.ID, t.CreatedAt = id, early
					if i%5 == 4 {
						t.CreatedAt = late
					}
					given = append(given, t)
				}
				created := p.createAll(given...)
				p.sameAll(p.list(tenancy.ListOptions{}).Tenants, inListOrder(created), "List")
				p.sameAll(p.walk(tenancy.ListOptions{Limit: 1}), inListOrder(created), "List by cursor, page by page of 1")
			},
		},
		{
			Name: "list-limit",
			Says: "A page has 100 tenants by default and at most 1,000; a Limit outside of 0 to 1,000 or a negative Offset is ErrInvalid and names the field.",
			check: func(p *probe) {
				p.createMany(1005)
				equal(p, len(p.list(tenancy.ListOptions{}).Tenants), 100, "the length of a page without Limit")
				equal(p, len(p.list(tenancy.ListOptions{Limit: 1000}).Tenants), 1000, "the length of a page with Limit 1000")
				equal(p, len(p.list(tenancy.ListOptions{Limit: 7}).Tenants), 7, "the length of a page with Limit 7")
				for _, limit := range []int{-1, 1001, math.MaxInt} {
					_, err := p.s.List(p.ctx, tenancy.ListOptions{Limit: limit})
					p.failsIn(err, tenancy.ErrInvalid, "limit", "List with Limit %d", limit)
				}
				_, err := p.s.List(p.ctx, tenancy.ListOptions{Offset: -1})
				p.failsIn(err, tenancy.ErrInvalid, "offset", "List with Offset -1")
			},
		},
		{
			Name: "list-offset",
			Says: "Offset skips so many tenants; past the end the page is empty.",
			check: func(p *probe) {
				want := inListOrder(p.createMany(10))
				for _, offset := range []int{0, 1, 4, 9, 10, 11, 1_000_000} {
					page := p.list(tenancy.ListOptions{Offset: offset, Limit: 4})
					from := min(offset, 10)
					to := min(from+4, 10)
					p.sameAll(page.Tenants, want[from:to], "List with Offset %d", offset)
					if hasMore := to < 10; (page.Next != "") != hasMore {
						p.Errorf("List with Offset %d: got cursor %q, want one: %t", offset, page.Next, hasMore)
					}
					if page.Next != "" {
						next := p.list(tenancy.ListOptions{Cursor: page.Next, Limit: 2})
						p.sameAll(next.Tenants, want[to:min(to+2, 10)], "List by the cursor of a page with Offset %d", offset)
					}
				}
			},
		},
		{
			Name: "list-cursor",
			Says: "Pages by cursor show every tenant exactly once, whatever their size; the last page has no cursor.",
			check: func(p *probe) {
				p.sameAll(p.list(tenancy.ListOptions{}).Tenants, nil, "List of an empty store")
				equal(p, p.list(tenancy.ListOptions{}).Next, "", "the cursor of an empty store")
				created := p.createMany(12)
				for i, t := range created {
					if i%3 == 0 {
						created[i] = p.setStatus(t.ID, tenancy.StatusSuspended)
					}
				}
				want := inListOrder(created)
				for _, limit := range []int{1, 2, 3, 4, 5, 6, 11, 12, 13} {
					p.sameAll(p.walk(tenancy.ListOptions{Limit: limit}), want, "List by cursor, page by page of %d", limit)
				}
				var suspended []tenancy.Tenant
				for _, t := range want {
					if t.Status == tenancy.StatusSuspended {
						suspended = append(suspended, t)
					}
				}
				filter := tenancy.Filter{Statuses: []tenancy.Status{tenancy.StatusSuspended}}
				p.sameAll(p.walk(tenancy.ListOptions{Limit: 2, Filter: filter}), suspended, "List of the suspended by cursor")
				p.sameAll(p.all(), want, "tenancy.All")
			},
		},
		{
			Name: "list-cursor-belongs-to-its-listing",
			Says: "A cursor that was altered or cut, or that belongs to another filter, is ErrInvalid with the field cursor.",
			check: func(p *probe) {
				for i := range 4 {
					p.create(tenant(i))
				}
				active := tenancy.Filter{Statuses: []tenancy.Status{tenancy.StatusActive}}
				next := p.list(tenancy.ListOptions{Limit: 2, Filter: active}).Next
				for i := range next {
					for _, c := range "AZaz09-_" {
						altered := next[:i] + string(c) + next[i+1:]
						if altered == next {
							continue
						}
						_, err := p.s.List(p.ctx, tenancy.ListOptions{Cursor: altered, Filter: active})
						p.failsIn(err, tenancy.ErrInvalid, "cursor", "List by a cursor with another character at %d", i)
					}
					if i > 0 {
						_, err := p.s.List(p.ctx, tenancy.ListOptions{Cursor: next[:i], Filter: active})
						p.failsIn(err, tenancy.ErrInvalid, "cursor", "List by a cursor cut to %d characters", i)
					}
				}
				for _, other := range []tenancy.Filter{{}, {Statuses: []tenancy.Status{tenancy.StatusSuspended}}, {Statuses: tenancy.Statuses()}} {
					_, err := p.s.List(p.ctx, tenancy.ListOptions{Cursor: next, Filter: other})
					p.failsIn(err, tenancy.ErrInvalid, "cursor", "List of %v by a cursor of %v", other.Statuses, active.Statuses)
				}
				equal(p, len(p.list(tenancy.ListOptions{Cursor: next, Filter: active, Limit: 100}).Tenants), 2, "the number of tenants on the next page")
			},
		},
		{
			Name: "list-cursor-stable",
			Says: "Tenants that come, change and go while a list is paged through by cursor neither repeat nor hide another.",
			check: func(p *probe) {
				base := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
				at := func(n int) tenancy.Tenant {
					t := tenant(n)
					t.CreatedAt = base.Add(time.Duration(n) * time.Second)
					return t
				}
				for i := range 20 {
					p.create(at(i * 2))
				}
				seen := map[string]int{}
				opts := tenancy.ListOptions{Limit: 3}
				for page := 0; ; page++ {
					got := p.list(opts)
					for _, t := range got.Tenants {
						seen[t.ID]++
					}
					if opts.Cursor = got.Next; got.Next == "" {
						break
					}
					if page == 0 { // the tenant that the cursor was made of goes
						p.delete(got.Tenants[len(got.Tenants)-1].ID)
					}
					newer := at(1000 + page)
					p.create(newer)                                                  // before the pages that are left
					p.create(at(2*page + 1))                                         // among them
					p.setStatus(at(2*((page*7)%15)).ID, tenancy.StatusSuspended)     // no place in the order changes
					changed := p.get(at(2 * ((page * 5) % 15)).ID)                   //
					changed.Identifier = fmt.Sprintf("moved-%d-%s", page, "sideway") //
					p.update(changed)
				}
				for i := range 20 {
					if n := seen[at(i*2).ID]; n != 1 {
						p.Errorf("the tenant at place %d of the list was seen %d times, want once", i, n)
					}
				}
			},
		},
		{
			Name: "list-filter",
			Says: "A filter selects the tenants with one of its statuses, in List and Count; an empty one selects all.",
			check: func(p *probe) {
				var all []tenancy.Tenant
				for i := range 12 {
					t := tenant(i)
					t.Status = tenancy.Statuses()[i%4]
					all = append(all, p.create(t))
				}
				for _, statuses := range [][]tenancy.Status{
					nil, {tenancy.StatusActive}, {tenancy.StatusDeleted}, {tenancy.StatusSuspended, tenancy.StatusProvisioning},
					{tenancy.StatusActive, tenancy.StatusActive}, tenancy.Statuses(),
				} {
					filter := tenancy.Filter{Statuses: statuses}
					want := slices.DeleteFunc(inListOrder(all), func(t tenancy.Tenant) bool { return !filter.Matches(t) })
					p.sameAll(p.list(tenancy.ListOptions{Filter: filter}).Tenants, want, "List of %v", statuses)
					equal(p, p.count(statuses...), len(want), "Count of %v", statuses)
				}
				p.setStatus(all[1].ID, tenancy.StatusDeleted)
				p.delete(all[0].ID)
				equal(p, p.count(tenancy.StatusDeleted), 4, "Count of deleted tenants after SetStatus")
				equal(p, p.count(), 11, "Count after Delete")
			},
		},
		{
			Name: "list-bad-cursor",
			Says: "A cursor that List did not return is ErrInvalid with the field cursor; a cursor with an Offset is ErrInvalid with the field offset.",
			check: func(p *probe) {
				p.createMany(3)
				next := p.list(tenancy.ListOptions{Limit: 1}).Next
				if next == "" {
					p.Fatalf("List with Limit 1 of 3 tenants has no cursor")
				}
				for _, cursor := range []string{"x", "!", "'; DROP TABLE tenants; --", next + "A", "AAAA", next[:4], "\x00", string(make([]byte, 1<<20))} {
					_, err := p.s.List(p.ctx, tenancy.ListOptions{Cursor: cursor})
					p.failsIn(err, tenancy.ErrInvalid, "cursor", "List with the cursor %s", short(cursor))
				}
				_, err := p.s.List(p.ctx, tenancy.ListOptions{Cursor: next, Offset: 1})
				p.failsIn(err, tenancy.ErrInvalid, "offset", "List with cursor and Offset")
			},
		},
	}
}

// walk lists page by page and checks the length of each.
func (p *probe) walk(opts tenancy.ListOptions) []tenancy.Tenant {
	p.Helper()
	var ts []tenancy.Tenant
	for range 10_000 {
		page := p.list(opts)
		ts = append(ts, page.Tenants...)
		if opts.Cursor != "" && len(page.Tenants) == 0 {
			p.Errorf("the cursor of the last page leads to an empty one")
		}
		if page.Next == "" {
			return ts
		}
		if len(page.Tenants) != opts.Limit {
			p.Fatalf("a page that is not the last has %d tenants, want %d", len(page.Tenants), opts.Limit)
		}
		opts.Cursor = page.Next
	}
	p.Fatalf("List by cursor does not end")
	return nil
}
