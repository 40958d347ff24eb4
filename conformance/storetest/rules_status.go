package storetest

import (
	"fmt"
	"slices"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func statusRules() []Rule {
	return []Rule{
		{
			Name: "set-status-any-to-any",
			Says: "SetStatus takes a tenant from any known status to any other, or to the same.",
			check: func(p *probe) {
				t := p.create(tenant(0))
				for _, from := range tenancy.Statuses() {
					for _, to := range tenancy.Statuses() {
						p.setStatus(t.ID, from)
						equal(p, p.setStatus(t.ID, to).Status, to, "status that SetStatus from %s returns", from)
						equal(p, p.get(t.ID).Status, to, "status after SetStatus from %s", from)
					}
				}
			},
		},
		{
			Name: "set-status-touches-status-only",
			Says: "SetStatus changes the status, UpdatedAt and Revision and nothing else.",
			check: func(p *probe) {
				before := p.create(fullTenant())
				after := p.setStatus(before.ID, tenancy.StatusProvisioning)
				want := before
				want.Status = tenancy.StatusProvisioning
				want = writtenLike(want, after)
				p.same(after, want, "SetStatus")
				p.stored(after, "SetStatus")
			},
		},
		{
			Name: "set-status-missing",
			Says: "SetStatus of a tenant that is not there is ErrNotFound.",
			check: func(p *probe) {
				_, err := p.s.SetStatus(p.ctx, "missing", tenancy.StatusActive)
				p.fails(err, tenancy.ErrNotFound, "SetStatus of a missing tenant")
			},
		},
		{
			Name: "status-known-only",
			Says: "No write and no filter takes a status that is not known: ErrInvalid with the field status.",
			check: func(p *probe) {
				t := p.create(tenant(0))
				for _, s := range []tenancy.Status{"archived", "Active", "active ", "\x00", "'"} {
					other := tenant(1)
					other.Status = s
					_, err := p.s.Create(p.ctx, other)
					p.failsIn(err, tenancy.ErrInvalid, "status", "Create with status %q", s)
					_, err = p.s.SetStatus(p.ctx, t.ID, s)
					p.failsIn(err, tenancy.ErrInvalid, "status", "SetStatus %q", s)
					_, err = p.s.BulkUpdateStatus(p.ctx, []string{t.ID}, s)
					p.failsIn(err, tenancy.ErrInvalid, "status", "BulkUpdateStatus %q", s)
					changed := t
					changed.Status = s
					_, err = p.s.Update(p.ctx, changed)
					p.failsIn(err, tenancy.ErrInvalid, "status", "Update with status %q", s)

					filter := tenancy.Filter{Statuses: []tenancy.Status{tenancy.StatusActive, s}}
					_, err = p.s.List(p.ctx, tenancy.ListOptions{Filter: filter})
					p.failsIn(err, tenancy.ErrInvalid, "status", "List with a filter for %q", s)
					_, err = p.s.Count(p.ctx, filter)
					p.failsIn(err, tenancy.ErrInvalid, "status", "Count with a filter for %q", s)
					_, err = p.s.Search(p.ctx, "", tenancy.SearchOptions{Filter: filter})
					p.failsIn(err, tenancy.ErrInvalid, "status", "Search with a filter for %q", s)
				}
				for _, write := range []func() error{
					func() error { _, err := p.s.SetStatus(p.ctx, t.ID, ""); return err },
					func() error { _, err := p.s.BulkUpdateStatus(p.ctx, []string{t.ID}, ""); return err },
					func() error { t := t; t.Status = ""; _, err := p.s.Update(p.ctx, t); return err },
				} {
					p.failsIn(write(), tenancy.ErrInvalid, "status", "a write with an empty status")
				}
				p.sameAll(p.all(), []tenancy.Tenant{t}, "what is stored after writes that failed")
			},
		},
		{
			Name: "bulk-status-shares-updated-at",
			Says: "BulkUpdateStatus gives all the tenants that it changes one UpdatedAt, later than each had before, and touches nothing but their status.",
			check: func(p *probe) {
				future := tenant(3)
				future.CreatedAt = driver.NormalizeTime(fullTenant().CreatedAt.AddDate(100, 0, 0))
				before := []tenancy.Tenant{p.create(fullTenant()), p.create(tenant(1)), p.create(future), p.create(tenant(2))}
				untouched := p.create(tenant(4))
				after := p.bulk(tenancy.StatusProvisioning, before[0].ID, before[1].ID, before[2].ID, before[3].ID)
				for i, t := range after {
					want := before[i]
					want.Status, want.UpdatedAt, want.Revision, want.Mark = tenancy.StatusProvisioning, after[0].UpdatedAt, t.Revision, t.Mark
					p.same(t, want, "BulkUpdateStatus, tenant %d", i)
					if !t.UpdatedAt.After(before[i].UpdatedAt) {
						p.Errorf("UpdatedAt went from %s to %s", stamp(before[i].UpdatedAt), stamp(t.UpdatedAt))
					}
					p.stored(t, "BulkUpdateStatus")
				}
				p.stored(untouched, "BulkUpdateStatus of others")
			},
		},
		{
			Name: "bulk-status-order",
			Says: "BulkUpdateStatus returns the changed tenants in order of first appearance, each once, and skips missing ones.",
			check: func(p *probe) {
				p.createMany(4)
				after, err := p.s.BulkUpdateStatus(p.ctx, []string{
					tenant(2).ID, "missing", tenant(0).ID, tenant(2).ID, tenant(3).ID, tenant(0).ID, "missing", tenant(1).ID,
				}, tenancy.StatusSuspended)
				p.OK(err, "BulkUpdateStatus")
				var want []tenancy.Tenant
				for _, i := range []int{2, 0, 3, 1} {
					want = append(want, p.get(tenant(i).ID))
				}
				p.sameAll(after, want, "BulkUpdateStatus")

				for _, ids := range [][]string{nil, {}, {"missing"}} {
					none, err := p.s.BulkUpdateStatus(p.ctx, ids, tenancy.StatusActive)
					p.OK(err, "BulkUpdateStatus of %q", ids)
					p.sameAll(none, nil, "BulkUpdateStatus of %q", ids)
				}
			},
		},
		{
			Name: "bulk-status-10000",
			Says: "BulkUpdateStatus works for 10,000 IDs, in one write.",
			check: func(p *probe) {
				ids, created := p.manyIDs()
				after, err := p.s.BulkUpdateStatus(p.ctx, ids, tenancy.StatusSuspended)
				p.OK(err, "BulkUpdateStatus of %d IDs", len(ids))
				if len(after) != len(created) {
					p.Fatalf("BulkUpdateStatus of %d IDs returned %d tenants, want %d", len(ids), len(after), len(created))
				}
				for i, t := range after {
					want := created[i]
					want.Status, want.UpdatedAt, want.Revision, want.Mark = tenancy.StatusSuspended, after[0].UpdatedAt, t.Revision, t.Mark
					p.same(t, want, "tenant %d", i)
				}
				equal(p, p.count(tenancy.StatusSuspended), len(created), "Count of suspended tenants")
			},
		},
		{
			Name: "bulk-status-all-or-nothing",
			Says: "A BulkUpdateStatus that fails changes no tenant at all.",
			check: func(p *probe) {
				created := p.createMany(3)
				_, err := p.s.BulkUpdateStatus(p.ctx, []string{created[0].ID, created[1].ID, "", created[2].ID}, tenancy.StatusSuspended)
				p.failsIn(err, tenancy.ErrInvalid, "id", "BulkUpdateStatus with an empty ID among others")
				for _, t := range created {
					p.stored(t, "a BulkUpdateStatus that failed")
				}
			},
		},
	}
}

// manyIDs creates 500 tenants and returns them in the order of the 10,000 IDs
// that it returns too, of which the others are missing.
func (p *probe) manyIDs() ([]string, []tenancy.Tenant) {
	p.Helper()
	created := p.createMany(500)
	slices.Reverse(created)
	ids := make([]string, 10_000)
	for i := range ids {
		ids[i] = fmt.Sprintf("missing-%d", i)
	}
	for i, t := range created {
		ids[i*20+i%20] = t.ID
	}
	return ids, created
}
