package storetest

import (
	"slices"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func readRules() []Rule {
	return []Rule{
		{
			Name: "get-missing",
			Says: "A lookup that finds no tenant is ErrNotFound, and Exists is false, also when asked again and after the tenant came.",
			check: func(p *probe) {
				t := tenant(0)
				for range 2 {
					_, err := p.s.GetByID(p.ctx, t.ID)
					p.fails(err, tenancy.ErrNotFound, "GetByID of a missing tenant")
					_, err = p.s.GetByIdentifier(p.ctx, t.Identifier)
					p.fails(err, tenancy.ErrNotFound, "GetByIdentifier of a missing tenant")
					found, err := p.s.Exists(p.ctx, t.ID)
					p.OK(err, "Exists of a missing tenant")
					equal(p, found, false, "Exists of a missing tenant")
				}
				t = p.create(t)
				p.stored(t, "Create of a tenant that was looked up in vain")
				found, err := p.s.Exists(p.ctx, t.ID)
				p.OK(err, "Exists")
				equal(p, found, true, "Exists of a tenant that came")
			},
		},
		{
			Name: "reads-return-any-status",
			Says: "Every read returns suspended and deleted tenants too: the caller decides.",
			check: func(p *probe) {
				var all []tenancy.Tenant
				for i, s := range tenancy.Statuses() {
					t := tenant(i)
					t.Status = s
					all = append(all, p.create(t))
				}
				for _, t := range all {
					p.stored(t, "Create as "+string(t.Status))
					found, err := p.s.Exists(p.ctx, t.ID)
					p.OK(err, "Exists")
					equal(p, found, true, "Exists of a tenant that is %s", t.Status)
					p.sameAll(p.search(t.Identifier, tenancy.SearchOptions{}), []tenancy.Tenant{t}, "Search for a tenant that is %s", t.Status)
				}
				p.sameAll(p.all(), inListOrder(all), "List")
				equal(p, p.count(), len(all), "Count")
			},
		},
		{
			Name: "lookups-are-exact",
			Says: "IDs compare by bytes: letter case, trailing spaces, Unicode composition and width make different IDs.",
			check: func(p *probe) {
				ids := []string{"acme", "ACME", "a cme", "é", "e\u0301", "É", "ß", "ss", "ａcme", "%", "_", "acm_", "1", "01", "1.0"}
				for i, id := range ids {
					t := tenant(i)
					t.ID = id
					p.create(t)
				}
				for i, id := range ids {
					t := p.get(id)
					equal(p, t.ID, id, "the ID of the tenant that GetByID %q returns", id)
					equal(p, t.Identifier, tenant(i).Identifier, "the identifier of the tenant that GetByID %q returns", id)
				}
				ts, err := p.s.GetByIDs(p.ctx, ids)
				p.OK(err, "GetByIDs")
				equal(p, len(ts), len(ids), "number of tenants from GetByIDs")
				for _, id := range []string{"Acme", "acme ", " acme", "acme\n", "a  cme", "ACME ", "e", "SS", "acm%", "001", "acme\t"} {
					_, err := p.s.GetByID(p.ctx, id)
					p.fails(err, tenancy.ErrNotFound, "GetByID %q", id)
				}
				p.delete("acme")
				equal(p, p.count(), len(ids)-1, "Count after Delete of one of the IDs that differ little")
			},
		},
		{
			Name: "get-by-ids-order",
			Says: "GetByIDs returns the tenants in order of first appearance, each once, and skips missing ones.",
			check: func(p *probe) {
				created := p.createMany(5)
				p.get(created[3].ID) // so that a cache has some and not others
				p.get(created[1].ID)
				got, err := p.s.GetByIDs(p.ctx, []string{
					created[4].ID, "missing", created[1].ID, created[4].ID, created[3].ID, "missing", created[0].ID, created[1].ID, created[2].ID,
				})
				p.OK(err, "GetByIDs")
				p.sameAll(got, []tenancy.Tenant{created[4], created[1], created[3], created[0], created[2]}, "GetByIDs")
				for _, ids := range [][]string{nil, {}, {"missing"}} {
					none, err := p.s.GetByIDs(p.ctx, ids)
					p.OK(err, "GetByIDs %q", ids)
					p.sameAll(none, nil, "GetByIDs %q", ids)
				}
				_, err = p.s.GetByIDs(p.ctx, []string{created[0].ID, ""})
				p.failsIn(err, tenancy.ErrInvalid, "id", "GetByIDs with an empty ID among others")
			},
		},
		{
			Name: "results-belong-to-the-caller",
			Says: "Slices that a method returns belong to the caller, and those that it takes stay as they are: writing into either changes nothing in the store.",
			check: func(p *probe) {
				want := inListOrder(p.createMany(3))
				ids := []string{want[2].ID, want[0].ID, want[2].ID}
				given := slices.Clone(ids)
				for range 2 {
					ts, err := p.s.GetByIDs(p.ctx, ids)
					p.OK(err, "GetByIDs")
					p.sameAll(ts, []tenancy.Tenant{want[2], want[0]}, "GetByIDs")
					clear(ts)
					page := p.list(tenancy.ListOptions{Limit: 2})
					p.sameAll(page.Tenants, want[:2], "List")
					clear(page.Tenants[:cap(page.Tenants)])
					ts = p.search("tenant", tenancy.SearchOptions{})
					p.sameAll(ts, []tenancy.Tenant{want[2], want[1], want[0]}, "Search")
					clear(ts)
					equal(p, slices.Equal(ids, given), true, "the IDs that GetByIDs was given stay as they are")
				}
				statuses := []tenancy.Status{tenancy.StatusSuspended, tenancy.StatusActive, tenancy.StatusActive}
				equal(p, p.count(statuses...), 3, "Count")
				equal(p, statuses[0], tenancy.StatusSuspended, "the first status of the filter that Count was given")
				if !p.h.Source {
					return
				}
				for range 2 {
					changes := p.changes(tenancy.Position{}, 0)
					for _, c := range changes[min(1, len(changes)):] {
						equal(p, len(c.Keys), 2, "number of keys of a Create")
						equal(p, c.Touches(tenancy.IDKey(c.TenantID)), true, "a Create touches the ID")
						clear(c.Keys)
					}
					clear(changes)
				}
			},
		},
		{
			Name: "get-by-ids-10000",
			Says: "GetByIDs works for 10,000 IDs.",
			check: func(p *probe) {
				ids, created := p.manyIDs()
				got, err := p.s.GetByIDs(p.ctx, ids)
				p.OK(err, "GetByIDs of %d IDs", len(ids))
				p.sameAll(got, created, "GetByIDs of 10,000 IDs")
				slices.Reverse(ids)
				slices.Reverse(created)
				got, err = p.s.GetByIDs(p.ctx, ids)
				p.OK(err, "GetByIDs of %d IDs", len(ids))
				p.sameAll(got, created, "GetByIDs of 10,000 IDs in the opposite order")
			},
		},
	}
}
