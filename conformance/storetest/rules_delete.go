package storetest

import (
	"errors"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func deleteRules() []Rule {
	return []Rule{
		{
			Name: "delete-removes",
			Says: "Delete removes the tenant from every read, and no other.",
			check: func(p *probe) {
				t, other := p.create(tenant(0)), p.create(tenant(1))
				p.stored(t, "Create") // so that a cache has it
				p.delete(t.ID)
				p.gone(t, "Delete")
				equal(p, p.count(), 1, "Count after Delete")
				p.stored(other, "Delete of another tenant")
			},
		},
		{
			Name: "delete-missing",
			Says: "Delete of a tenant that is not there is ErrNotFound, also for the second time.",
			check: func(p *probe) {
				t := p.create(tenant(0))
				p.fails(p.s.Delete(p.ctx, "missing"), tenancy.ErrNotFound, "Delete of a missing tenant")
				p.delete(t.ID)
				p.fails(p.s.Delete(p.ctx, t.ID), tenancy.ErrNotFound, "Delete for the second time")
			},
		},
		{
			Name: "delete-frees-id-and-identifier",
			Says: "After Delete the ID and the identifier may be used again, and reads return the new tenant.",
			check: func(p *probe) {
				t := p.create(fullTenant())
				p.delete(t.ID)
				again := tenancy.Tenant{ID: t.ID, Identifier: t.Identifier, Name: "Second life"}
				again = p.create(again)
				p.stored(again, "Create of a deleted tenant")
				equal(p, again.Metadata, tenancy.Metadata{}, "metadata of the new tenant")
				if again.Revision <= t.Revision {
					p.Errorf("the new tenant has Revision %d, the deleted one had %d", again.Revision, t.Revision)
				}
				p.delete(t.ID)
				other := tenant(1)
				other.Identifier = t.Identifier
				p.stored(p.create(other), "Create with the identifier of a deleted tenant")
			},
		},
		{
			Name: "purge-or-unsupported",
			Says: "Purge in a store with hard deletion removes the tenant, or is ErrUnsupported and removes nothing.",
			check: func(p *probe) {
				t := p.create(tenant(0))
				err := p.s.Purge(p.ctx, t.ID)
				if errors.Is(err, errors.ErrUnsupported) {
					p.stored(t, "a Purge that is not supported")
					return
				}
				p.OK(err, "Purge")
				p.gone(t, "Purge")
				p.fails(p.s.Purge(p.ctx, t.ID), tenancy.ErrNotFound, "Purge for the second time")
			},
		},
		{
			Name:  "soft-delete-keeps-row",
			Says:  "With soft deletion, Delete sets the status deleted and nothing else; row and identifier stay.",
			needs: needSoftDelete,
			check: func(p *probe) {
				before := p.create(fullTenant())
				p.delete(before.ID)
				after := p.get(before.ID)
				want := before
				want.Status = tenancy.StatusDeleted
				want = writtenLike(want, after)
				p.same(after, want, "GetByID after a soft Delete")
				p.stored(after, "a soft Delete")
				if !after.UpdatedAt.After(before.UpdatedAt) || after.Revision <= before.Revision {
					p.Errorf("a soft Delete is a write: UpdatedAt %s and Revision %d must grow to more than %s and %d",
						stamp(after.UpdatedAt), after.Revision, stamp(before.UpdatedAt), before.Revision)
				}
				equal(p, p.count(tenancy.StatusDeleted), 1, "Count of deleted tenants")
				other := tenant(1)
				other.Identifier = before.Identifier
				_, err := p.s.Create(p.ctx, other)
				p.failsIn(err, tenancy.ErrAlreadyExists, "identifier", "Create with the identifier of a soft-deleted tenant")
				other.ID, other.Identifier = before.ID, tenant(1).Identifier
				_, err = p.s.Create(p.ctx, other)
				p.failsIn(err, tenancy.ErrAlreadyExists, "id", "Create with the ID of a soft-deleted tenant")
				p.fails(p.s.Delete(p.ctx, "missing"), tenancy.ErrNotFound, "Delete of a missing tenant")
				equal(p, p.setStatus(before.ID, tenancy.StatusActive).Status, tenancy.StatusActive, "status after bringing the tenant back")
				future := tenant(2)
				future.CreatedAt = time.Now().AddDate(1, 0, 0)
				future = p.create(future)
				p.delete(future.ID)
				if again := p.get(future.ID); !again.UpdatedAt.After(future.UpdatedAt) {
					p.Errorf("a soft Delete moved UpdatedAt from %s to %s", stamp(future.UpdatedAt), stamp(again.UpdatedAt))
				}
			},
		},
		{
			Name:  "soft-delete-repeats",
			Says:  "With soft deletion, Delete of a deleted tenant succeeds and does nothing.",
			needs: needSoftDelete,
			check: func(p *probe) {
				t := p.create(tenant(0))
				p.delete(t.ID)
				deleted := p.get(t.ID)
				p.delete(t.ID)
				p.stored(deleted, "the second Delete")
				next := p.create(tenant(1))
				if p.h.Source {
					equal(p, next.Revision, deleted.Revision+1, "the Revision of the next write, as the second Delete logs nothing")
				}
			},
		},
		{
			Name:  "soft-delete-purge",
			Says:  "With soft deletion, Purge removes the tenant whatever its status, and frees its identifier; a missing one is ErrNotFound.",
			needs: needSoftDelete,
			check: func(p *probe) {
				for i, s := range tenancy.Statuses() {
					t := tenant(i)
					t.Status = s
					t = p.create(t)
					p.stored(t, "Create")
					p.OK(p.s.Purge(p.ctx, t.ID), "Purge of a tenant that is %s", s)
					p.gone(t, "Purge")
					p.fails(p.s.Purge(p.ctx, t.ID), tenancy.ErrNotFound, "Purge for the second time")
					p.fails(p.s.Delete(p.ctx, t.ID), tenancy.ErrNotFound, "Delete of a purged tenant")
					p.stored(p.create(tenancy.Tenant{Identifier: t.Identifier, Name: "Next"}), "Create with the identifier of a purged tenant")
				}
				p.failsIn(p.s.Purge(p.ctx, ""), tenancy.ErrInvalid, "id", "Purge of an empty ID")
			},
		},
	}
}
