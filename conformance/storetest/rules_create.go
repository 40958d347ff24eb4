package storetest

import (
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func createRules() []Rule {
	return []Rule{
		{
			Name: "create-returns-what-it-stored",
			Says: "Create stores every field that it is given, and returns the tenant as reads return it.",
			check: func(p *probe) {
				given := fullTenant()
				created := p.create(given)
				want := given
				want = writtenLike(want, created)
				p.same(created, want, "Create of a tenant with no field empty")
				p.stored(created, "Create")

				least := p.create(tenancy.Tenant{Identifier: "least", Name: "L"})
				equal(p, least.Isolation, tenancy.IsolationDefault, "Isolation of a tenant created without")
				equal(p, least.DatabaseURL, tenancy.Secret{}, "DatabaseURL of a tenant created without")
				equal(p, least.SchemaName, "", "SchemaName of a tenant created without")
				equal(p, least.Metadata, tenancy.Metadata{}, "Metadata of a tenant created without")
				p.stored(least, "Create of a tenant with hardly a field set")
			},
		},
		{
			Name: "create-fills-id",
			Says: "Create gives a tenant without an ID a new one, and keeps one that is given.",
			check: func(p *probe) {
				seen := map[string]bool{}
				for _, identifier := range []string{"one", "two", "three"} {
					created := p.create(tenancy.Tenant{Identifier: identifier, Name: "No ID"})
					if err := tenancy.ValidateID(created.ID); err != nil || seen[created.ID] {
						p.Errorf("Create without an ID: got ID %q, want a valid one that no other tenant has", created.ID)
					}
					seen[created.ID] = true
					p.same(p.get(created.ID), created, "GetByID with the ID that Create made")
				}
				equal(p, p.create(tenant(1)).ID, tenant(1).ID, "the ID of a tenant created with one")
			},
		},
		{
			Name: "create-fills-status",
			Says: "Create makes a tenant without a status active, and keeps any known one that is given.",
			check: func(p *probe) {
				equal(p, p.create(tenant(0)).Status, tenancy.StatusActive, "the status of a tenant created without")
				for i, s := range tenancy.Statuses() {
					t := tenant(i + 1)
					t.Status = s
					equal(p, p.create(t).Status, s, "the status that Create returns")
					equal(p, p.get(t.ID).Status, s, "the status that Create stored")
				}
			},
		},
		{
			Name: "create-keeps-created-at",
			Says: "Create keeps a CreatedAt that is given, else sets it to now.",
			check: func(p *probe) {
				before := time.Now().Add(-clockSkew)
				now := p.create(tenant(0))
				after := time.Now().Add(clockSkew)
				if now.CreatedAt.Before(before) || now.CreatedAt.After(after) {
					p.Errorf("Create without CreatedAt: got %s, want the time of the call, %s to %s", stamp(now.CreatedAt), stamp(before), stamp(after))
				}
				for i, at := range []time.Time{
					time.Date(1999, 12, 31, 23, 59, 59, 999999000, time.UTC),
					time.Date(2012, 6, 1, 0, 0, 0, 0, time.UTC),
				} {
					t := tenant(i + 1)
					t.CreatedAt = at
					equal(p, p.create(t).CreatedAt, at, "the CreatedAt that Create returns")
					equal(p, p.get(t.ID).CreatedAt, at, "the CreatedAt that Create stored")
				}
			},
		},
		{
			Name: "create-sets-updated-at",
			Says: "Create sets UpdatedAt to now, or to CreatedAt where that is later, whatever it is given.",
			check: func(p *probe) {
				before := time.Now().Add(-clockSkew)
				t := tenant(0)
				t.UpdatedAt = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
				t = p.create(t)
				if t.UpdatedAt.Before(before) || t.UpdatedAt.After(time.Now().Add(clockSkew)) {
					p.Errorf("Create with an old UpdatedAt: got %s, want the time of the call", stamp(t.UpdatedAt))
				}
				future := tenant(1)
				future.CreatedAt = driver.NormalizeTime(time.Now().AddDate(1, 0, 0))
				equal(p, p.create(future).UpdatedAt, future.CreatedAt, "UpdatedAt of a tenant with a CreatedAt in the future")
			},
		},
		{
			Name: "create-ignores-revision",
			Says: "Create sets the Revision itself, whatever it is given.",
			check: func(p *probe) {
				for i, given := range []tenancy.Revision{1_000_000, -1, -7} {
					t := tenant(i)
					t.Revision = given
					created := p.create(t)
					if created.Revision <= 0 || created.Revision == given {
						p.Errorf("Create with Revision %d: got Revision %d, want the store's next one", given, created.Revision)
					}
				}
			},
		},
		{
			Name: "create-taken-id",
			Says: "Create of a taken ID is ErrAlreadyExists with the field id.",
			check: func(p *probe) {
				taken := p.create(tenant(0))
				t := tenant(1)
				t.ID = taken.ID
				_, err := p.s.Create(p.ctx, t)
				p.failsIn(err, tenancy.ErrAlreadyExists, "id", "Create with a taken ID")
			},
		},
		{
			Name: "create-taken-identifier",
			Says: "Create of a taken identifier is ErrAlreadyExists with the field identifier.",
			check: func(p *probe) {
				taken := p.create(tenant(0))
				for _, id := range []string{"another-id", ""} {
					t := tenancy.Tenant{ID: id, Identifier: taken.Identifier, Name: "Second"}
					_, err := p.s.Create(p.ctx, t)
					p.failsIn(err, tenancy.ErrAlreadyExists, "identifier", "Create with a taken identifier and ID %q", id)
				}
			},
		},
		{
			Name: "create-taken-both",
			Says: "Create of a taken ID and a taken identifier is ErrAlreadyExists with the field id.",
			check: func(p *probe) {
				first, second := p.create(tenant(0)), p.create(tenant(1))
				_, err := p.s.Create(p.ctx, tenant(0))
				p.failsIn(err, tenancy.ErrAlreadyExists, "id", "Create of the same tenant again")
				_, err = p.s.Create(p.ctx, tenancy.Tenant{ID: first.ID, Identifier: second.Identifier, Name: "Both"})
				p.failsIn(err, tenancy.ErrAlreadyExists, "id", "Create with the ID of one tenant and the identifier of another")
			},
		},
		{
			Name: "create-failed-changes-nothing",
			Says: "A Create that fails leaves every tenant as it was and stores none.",
			check: func(p *probe) {
				taken := p.create(tenant(0))
				for _, t := range []tenancy.Tenant{
					{ID: taken.ID, Identifier: "fresh-one", Name: "Taken ID"},
					{ID: "fresh-id", Identifier: taken.Identifier, Name: "Taken identifier"},
					{ID: "fresh-id", Identifier: "Not Valid", Name: "Malformed"},
					{ID: "fresh-id", Identifier: "fresh-one"},
				} {
					if _, err := p.s.Create(p.ctx, t); err == nil {
						p.Errorf("Create %q %q: no error", t.ID, t.Identifier)
					}
				}
				p.sameAll(p.all(), []tenancy.Tenant{taken}, "what is stored after failed Creates")
			},
		},
	}
}

// clockSkew is how far the clock of the store's server may be from this one.
const clockSkew = time.Minute
