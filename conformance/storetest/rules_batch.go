package storetest

import (
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func batchRules() []Rule {
	return []Rule{
		{
			Name: "create-batch-results",
			Says: "CreateBatch returns one result for each tenant, in order; one that cannot be created has its error there and stops no other.",
			check: func(p *probe) {
				taken := p.create(tenant(0))
				batch := []tenancy.Tenant{
					tenant(1),
					{ID: taken.ID, Identifier: "fresh", Name: "Taken ID"},
					{ID: "fresh", Identifier: taken.Identifier, Name: "Taken identifier"},
					{ID: "bad", Identifier: "BAD", Name: "Malformed"},
					tenant(2),
					tenant(1), // twice in the batch
					{Identifier: tenant(2).Identifier, Name: "Identifier twice in the batch"},
					{Identifier: "no-id", Name: "No ID"},
					{ID: "bad", Identifier: "nameless"},
					fullTenant(),
				}
				want := []struct {
					err   error
					field string
				}{
					{}, {tenancy.ErrAlreadyExists, "id"}, {tenancy.ErrAlreadyExists, "identifier"}, {tenancy.ErrInvalid, "identifier"},
					{}, {tenancy.ErrAlreadyExists, "id"}, {tenancy.ErrAlreadyExists, "identifier"}, {}, {tenancy.ErrInvalid, "name"}, {},
				}
				results, err := p.s.CreateBatch(p.ctx, batch)
				p.OK(err, "CreateBatch")
				if len(results) != len(batch) {
					p.Fatalf("CreateBatch of %d tenants gave %d results", len(batch), len(results))
				}
				created := 0
				for i, r := range results {
					if want[i].err != nil {
						p.failsIn(r.Err, want[i].err, want[i].field, "result %d", i)
						continue
					}
					p.OK(r.Err, "result %d", i)
					created++
					equal(p, r.Tenant.Identifier, batch[i].Identifier, "the identifier in result %d", i)
					p.stored(r.Tenant, "CreateBatch")
				}
				equal(p, p.count(), 1+created, "Count after CreateBatch")
				p.stored(taken, "CreateBatch")
				none, err := p.s.CreateBatch(p.ctx, nil)
				p.OK(err, "CreateBatch of nothing")
				equal(p, len(none), 0, "number of results of nothing")
			},
		},
		{
			Name: "create-batch-like-create",
			Says: "A batch stores what as many Creates would, in that order of revisions, and a rerun of it is refused tenant by tenant.",
			check: func(p *probe) {
				given := make([]tenancy.Tenant, 0, 300)
				for i := range cap(given) {
					t := tenant((i * 7919) % cap(given))
					t.Metadata = fullTenant().Metadata
					t.DatabaseURL = fullTenant().DatabaseURL
					given = append(given, t)
				}
				created := p.createAll(given...)
				for i, t := range created {
					want := given[i]
					want.Status, want.CreatedAt = tenancy.StatusActive, t.CreatedAt
					want = writtenLike(want, t)
					p.same(t, want, "result %d", i)
					if i > 0 && t.Revision <= created[i-1].Revision {
						p.Errorf("result %d has Revision %d, the one before it %d", i, t.Revision, created[i-1].Revision)
					}
				}
				p.sameAll(p.all(), inListOrder(created), "what is stored after CreateBatch")
				again, err := p.s.CreateBatch(p.ctx, given)
				p.OK(err, "CreateBatch for the second time")
				for i, r := range again {
					p.failsIn(r.Err, tenancy.ErrAlreadyExists, "id", "result %d of the second time", i)
				}
				p.sameAll(p.all(), inListOrder(created), "what is stored after the second CreateBatch")
			},
		},
	}
}
