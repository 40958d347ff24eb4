package storetest

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func revisionRules() []Rule {
	return []Rule{
		{
			Name: "revision-grows",
			Says: "Every write gives the tenant a Revision larger than that of every write before it, in the whole store.",
			check: func(p *probe) {
				newest := tenancy.Revision(0)
				grows := func(t tenancy.Tenant, by string) tenancy.Tenant {
					p.Helper()
					if t.Revision <= newest {
						p.Errorf("%s gave Revision %d after %d", by, t.Revision, newest)
					}
					newest = t.Revision
					return t
				}
				a, b := grows(p.create(tenant(0)), "Create"), grows(p.create(tenant(1)), "Create")
				for n := range 3 {
					a = grows(p.setStatus(a.ID, tenancy.StatusSuspended), "SetStatus")
					b = grows(p.patch(b.ID, fmt.Sprintf(`{"a":%d}`, n)), "UpdateMetadata")
					a.Name += "!"
					a = grows(p.update(a), "Update")
					b = grows(p.update(b), "Update to the same values")
					ts := p.bulk(tenancy.StatusActive, a.ID, b.ID)
					slices.SortFunc(ts, func(a, b tenancy.Tenant) int { return cmp.Compare(a.Revision, b.Revision) })
					for _, t := range ts {
						grows(t, "BulkUpdateStatus")
					}
					a, b = p.get(a.ID), p.get(b.ID)
				}
				p.delete(b.ID)
				grows(p.create(tenant(1)), "Create after Delete")
			},
		},
		{
			Name: "mark-is-set",
			Says: "Every write gives the tenant a Mark that is not 0, and another one than the write before.",
			check: func(p *probe) {
				t := p.create(tenant(0))
				for _, write := range []func() tenancy.Tenant{
					func() tenancy.Tenant { return t },
					func() tenancy.Tenant { return p.setStatus(t.ID, tenancy.StatusSuspended) },
					func() tenancy.Tenant { return p.bulk(tenancy.StatusActive, t.ID)[0] },
					func() tenancy.Tenant { return p.patch(t.ID, `{"a":1}`) },
					func() tenancy.Tenant { return p.update(p.get(t.ID)) },
					func() tenancy.Tenant { return p.createAll(tenant(1))[0] },
				} {
					before := t.Mark
					written := write()
					if written.Mark == 0 || written.Position() != t.Position() && written.Mark == before {
						p.Errorf("a write of %s gave the Mark %x, the one before had %x", written.ID, uint64(written.Mark), uint64(before))
					}
					p.stored(written, "a write")
					t = written
				}
			},
		},
		{
			Name:  "mark-of-the-log",
			Says:  "A tenant's Position is that of its last change in the log, for every write.",
			needs: needSource,
			check: func(p *probe) {
				start := p.bounds().Newest
				created := p.create(tenant(0))
				written := []tenancy.Tenant{created}
				written = append(written, p.createAll(tenant(1), tenant(2))...)
				written = append(written, p.setStatus(created.ID, tenancy.StatusSuspended), p.patch(created.ID, `{"a":1}`))
				bulk := p.bulk(tenancy.StatusActive, created.ID, tenant(1).ID, tenant(2).ID)
				slices.SortFunc(bulk, func(a, b tenancy.Tenant) int { return cmp.Compare(a.Revision, b.Revision) })
				written = append(written, bulk...)
				written = append(written, p.update(p.get(created.ID)))
				changes := p.changes(start, 0)
				if len(changes) != len(written) {
					p.Fatalf("got %d changes, want %d", len(changes), len(written))
				}
				for i, c := range changes {
					equal(p, written[i].Position(), c.Position, "the Position that write %d returned", i)
				}
			},
		},
		{
			Name:  "revision-has-no-gaps",
			Says:  "Revisions start where the log's first row left off and count every changed row once, without gaps.",
			needs: needSource,
			check: func(p *probe) {
				head, err := p.source().Bounds(p.ctx)
				p.OK(err, "Bounds")
				last := head.Newest.Revision
				next := func(rev tenancy.Revision, by string) {
					p.Helper()
					last++
					equal(p, rev, last, "the Revision of %s", by)
				}
				a := p.create(tenant(0))
				next(a.Revision, "Create")
				next(p.create(tenant(1)).Revision, "Create")
				next(p.setStatus(a.ID, tenancy.StatusSuspended).Revision, "SetStatus")
				a = p.patch(a.ID, `{"a":1}`)
				next(a.Revision, "UpdateMetadata")
				next(p.update(a).Revision, "Update")
				ts, err := p.s.BulkUpdateStatus(p.ctx, []string{tenant(0).ID, tenant(1).ID, "missing", tenant(0).ID}, tenancy.StatusActive)
				p.OK(err, "BulkUpdateStatus")
				if len(ts) != 2 {
					p.Fatalf("BulkUpdateStatus of two tenants, one of them named twice, returned %d", len(ts))
				}
				revisions := []tenancy.Revision{ts[0].Revision, ts[1].Revision}
				slices.Sort(revisions)
				next(revisions[0], "BulkUpdateStatus")
				next(revisions[1], "BulkUpdateStatus")
				p.delete(a.ID)
				last++ // the Delete's own
				next(p.create(tenant(2)).Revision, "Create after Delete")
			},
		},
	}
}
