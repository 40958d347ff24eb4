package storetest

import (
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func timeRules() []Rule {
	return []Rule{
		{
			Name: "times-are-utc-microseconds",
			Says: "Times are UTC, cut to microseconds and without a monotonic reading, in what every method returns.",
			check: func(p *probe) {
				zone := time.FixedZone("far east", 14*3600)
				for i, at := range []time.Time{
					time.Now(),
					time.Date(2024, 3, 31, 2, 30, 0, 999_999_999, zone),
					time.Date(1969, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
					time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC),
					time.Date(1583, 2, 3, 4, 5, 6, 789_012_345, time.UTC),
					time.Date(9998, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
				} {
					t := tenant(i)
					t.CreatedAt = at
					created := p.create(t)
					equal(p, created.CreatedAt, driver.NormalizeTime(at), "the CreatedAt that Create returns for %s", stamp(at))
					p.normal(created, "Create")
					p.normal(p.get(t.ID), "GetByID")
					p.stored(created, "Create")
					p.stored(p.setStatus(t.ID, tenancy.StatusSuspended), "SetStatus, at the latest possible UpdatedAt too")
				}
				p.normal(p.create(tenant(100)), "Create without CreatedAt")
				for _, t := range p.all() {
					p.normal(t, "List")
				}
				t := p.get(tenant(0).ID)
				t = p.update(t)
				p.normal(t, "Update")
				p.stored(t, "Update")
				t = p.setStatus(t.ID, tenancy.StatusSuspended)
				p.normal(t, "SetStatus")
				p.stored(t, "SetStatus")
				t = p.patch(t.ID, `{"a":1}`)
				p.normal(t, "UpdateMetadata")
				p.stored(t, "UpdateMetadata")
				ts, err := p.s.BulkUpdateStatus(p.ctx, []string{t.ID}, tenancy.StatusActive)
				p.OK(err, "BulkUpdateStatus")
				for _, t := range append(ts, p.search("tenant", tenancy.SearchOptions{})...) {
					p.normal(t, "BulkUpdateStatus or Search")
				}
			},
		},
		{
			Name: "reads-agree",
			Says: "Every read, by ID, identifier, list and search, returns the same tenant, == in all fields, as the write returned it.",
			check: func(p *probe) {
				t := p.create(fullTenant())
				writes := []func() tenancy.Tenant{
					func() tenancy.Tenant { return t },
					func() tenancy.Tenant { u := t; u.Name = "Renamed"; return p.update(u) },
					func() tenancy.Tenant { return p.setStatus(t.ID, tenancy.StatusActive) },
					func() tenancy.Tenant { return p.patch(t.ID, `{"n":1.50}`) },
				}
				for i, write := range writes {
					want := write()
					p.stored(want, "a write")
					p.sameAll(p.all(), []tenancy.Tenant{want}, "List after write %d", i)
					p.sameAll(p.search(want.Identifier, tenancy.SearchOptions{}), []tenancy.Tenant{want}, "Search after write %d", i)
					p.same(mustFresh(p, want.ID), want, "GetByID of tenancy.Fresh after write %d", i)
				}
			},
		},
	}
}

func mustFresh(p *probe, id string) tenancy.Tenant {
	p.Helper()
	t, err := tenancy.Fresh(p.s).GetByID(p.ctx, id)
	p.OK(err, "GetByID of tenancy.Fresh")
	return t
}

// normal expects the times of t to be as stores keep them.
func (p *probe) normal(t tenancy.Tenant, from string) {
	p.Helper()
	for field, at := range map[string]time.Time{"CreatedAt": t.CreatedAt, "UpdatedAt": t.UpdatedAt} {
		if at.IsZero() || at != driver.NormalizeTime(at) {
			p.Errorf("%s from %s is %s, want UTC, microseconds, no monotonic reading", field, from, at)
		}
	}
}
