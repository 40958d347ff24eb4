package storetest

import (
	"fmt"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func updateRules() []Rule {
	return []Rule{
		{
			Name: "update-replaces-every-field",
			Says: "Update replaces every mutable field, by zero values too, and returns the tenant as stored.",
			check: func(p *probe) {
				before := p.create(tenant(0))
				full := fullTenant()
				full.ID, full.Revision, full.Mark = before.ID, before.Revision, before.Mark
				updated := p.update(full)
				want := full
				want.CreatedAt = before.CreatedAt
				want = writtenLike(want, updated)
				p.same(updated, want, "Update to a tenant with no field empty")
				p.stored(updated, "Update")

				least := tenancy.Tenant{ID: before.ID, Identifier: "least", Name: "L", Status: tenancy.StatusActive, Revision: updated.Revision, Mark: updated.Mark}
				emptied := p.update(least)
				want = least
				want.CreatedAt = before.CreatedAt
				want = writtenLike(want, emptied)
				p.same(emptied, want, "Update to zero values")
				p.stored(emptied, "Update to zero values")
			},
		},
		{
			Name: "update-keeps-created-at",
			Says: "Update never changes CreatedAt.",
			check: func(p *probe) {
				created := p.create(fullTenant())
				t := created
				for _, at := range []time.Time{{}, created.CreatedAt.AddDate(1, 0, 0), time.Now()} {
					t.CreatedAt = at
					t.Name = "Renamed at " + at.String()
					t = p.update(t)
					equal(p, t.CreatedAt, created.CreatedAt, "the CreatedAt that Update returns")
					equal(p, p.get(t.ID).CreatedAt, created.CreatedAt, "the CreatedAt after Update")
				}
			},
		},
		{
			Name: "update-grows-updated-at",
			Says: "Every write of a tenant makes its UpdatedAt strictly larger, even where the clock has not moved past it.",
			check: func(p *probe) {
				future := tenant(0)
				future.CreatedAt = time.Now().AddDate(1, 0, 0)
				for _, t := range []tenancy.Tenant{p.create(tenant(1)), p.create(future)} {
					for i := range 10 {
						before := t
						t.UpdatedAt = time.Now().AddDate(-1, 0, 0) // ignored
						switch i % 4 {
						case 0:
							t = p.setStatus(t.ID, tenancy.StatusSuspended)
						case 1:
							t = p.patch(t.ID, fmt.Sprintf(`{"n":%d}`, i))
						default:
							t = p.update(t)
						}
						if !t.UpdatedAt.After(before.UpdatedAt) {
							p.Errorf("UpdatedAt went from %s to %s", stamp(before.UpdatedAt), stamp(t.UpdatedAt))
						}
					}
				}
			},
		},
		{
			Name: "update-checks-revision",
			Says: "Update with a Revision that is not the stored one is ErrConflict and changes nothing.",
			check: func(p *probe) {
				old := p.create(tenant(0))
				other := p.create(tenant(1))
				current := p.setStatus(old.ID, tenancy.StatusSuspended)
				for _, rev := range []tenancy.Revision{old.Revision, other.Revision, current.Revision + 1, 1 << 62} {
					t := current
					t.Name, t.Identifier, t.Revision = "Too late", "too-late", rev
					_, err := p.s.Update(p.ctx, t)
					p.fails(err, tenancy.ErrConflict, "Update with Revision %d of a tenant at %d", rev, current.Revision)
				}
				p.stored(current, "Updates that failed")
			},
		},
		{
			Name: "update-checks-mark",
			Says: "Update with the stored Revision and another Mark is ErrConflict and changes nothing: a restored backup takes revisions a second time.",
			check: func(p *probe) {
				p.create(tenant(1))
				current := p.create(tenant(0))
				for _, mark := range []int64{current.Mark + 1, ^current.Mark, -current.Mark, current.Mark ^ 1<<40, 1} {
					if mark == 0 || mark == current.Mark {
						continue
					}
					t := current
					t.Name, t.Identifier, t.Mark = "Of another history", "too-late", mark
					_, err := p.s.Update(p.ctx, t)
					p.fails(err, tenancy.ErrConflict, "Update with Mark %x of a tenant with %x", uint64(mark), uint64(current.Mark))
				}
				p.stored(current, "Updates that failed")
				current.Mark, current.Revision = 1, tenancy.AnyRevision
				p.update(current)
			},
		},
		{
			Name: "update-without-mark",
			Says: "Update with a Revision and Mark 0 is ErrInvalid with the field revision: a number alone names no state.",
			check: func(p *probe) {
				created := p.create(tenant(0))
				t := created
				t.Name, t.Mark = "Half", 0
				_, err := p.s.Update(p.ctx, t)
				p.failsIn(err, tenancy.ErrInvalid, "revision", "Update with Revision %d and Mark 0", t.Revision)
				p.stored(created, "an Update that failed")
			},
		},
		{
			Name:  "update-after-restore",
			Says:  "Update of what a restored backup has undone is ErrConflict, also when its revision was taken again.",
			needs: needSource | needBackup,
			check: func(p *probe) {
				p.create(tenant(0))
				restore := p.h.Backup(p.TB, p.s)
				undone := p.get(tenant(0).ID)
				undone.Name = "Undone"
				undone = p.update(undone)
				restore(p.TB)
				var stored tenancy.Tenant
				p.eventually("a write after the restore", func() (err error) { // connections may be gone
					stored, err = p.s.SetStatus(p.ctx, undone.ID, tenancy.StatusSuspended)
					return err
				})
				for stored.Revision < undone.Revision {
					stored = p.setStatus(undone.ID, tenancy.StatusSuspended)
				}
				_, err := p.s.Update(p.ctx, undone)
				p.fails(err, tenancy.ErrConflict, "Update at %s of what is at %s after a restore", undone.Position(), stored.Position())
				p.stored(stored, "an Update that failed")
				updated, err := tenancy.Modify(p.ctx, p.s, undone.ID, func(t *tenancy.Tenant) error {
					t.Name = "After the restore"
					return nil
				})
				p.OK(err, "Modify after a restore")
				equal(p, updated.Status, tenancy.StatusSuspended, "the status after Modify")
			},
		},
		{
			Name: "update-any-revision",
			Says: "Update with AnyRevision overwrites whatever is stored.",
			check: func(p *probe) {
				t := p.create(tenant(0))
				p.setStatus(t.ID, tenancy.StatusSuspended)
				t.Name, t.Revision = "Last write wins", tenancy.AnyRevision
				updated := p.update(t)
				equal(p, updated.Name, "Last write wins", "Name after Update with AnyRevision")
				equal(p, updated.Status, tenancy.StatusActive, "Status after Update with AnyRevision")
				p.stored(updated, "Update with AnyRevision")
			},
		},
		{
			Name: "update-zero-revision",
			Says: "Update with Revision 0 is ErrInvalid with the field revision, so that a half-filled Tenant wipes nothing.",
			check: func(p *probe) {
				created := p.create(fullTenant())
				for _, rev := range []tenancy.Revision{0, -2} {
					_, err := p.s.Update(p.ctx, tenancy.Tenant{
						ID: created.ID, Identifier: created.Identifier, Name: "Half", Status: tenancy.StatusActive, Revision: rev,
					})
					p.failsIn(err, tenancy.ErrInvalid, "revision", "Update with Revision %d", rev)
				}
				p.stored(created, "Updates that failed")
			},
		},
		{
			Name: "update-missing",
			Says: "Update of a tenant that is not there is ErrNotFound, whatever the Revision.",
			check: func(p *probe) {
				p.create(tenant(0))
				deleted := p.create(tenant(1))
				p.delete(deleted.ID)
				for _, rev := range []tenancy.Revision{tenancy.AnyRevision, 1, deleted.Revision} {
					t := deleted
					t.Revision = rev
					_, err := p.s.Update(p.ctx, t)
					p.fails(err, tenancy.ErrNotFound, "Update of a deleted tenant with Revision %d", rev)
					t.ID, t.Identifier = "never-there", "never-there"
					_, err = p.s.Update(p.ctx, t)
					p.fails(err, tenancy.ErrNotFound, "Update of a tenant that never was, with Revision %d", rev)
				}
				equal(p, p.count(), 1, "Count after Updates of missing tenants")
			},
		},
		{
			Name: "update-taken-identifier",
			Says: "Update to an identifier that another tenant has is ErrAlreadyExists with the field identifier, and changes nothing.",
			check: func(p *probe) {
				first, second := p.create(tenant(0)), p.create(tenant(1))
				for _, rev := range []tenancy.Revision{second.Revision, tenancy.AnyRevision} {
					t := second
					t.Identifier, t.Name, t.Revision = first.Identifier, "Greedy", rev
					_, err := p.s.Update(p.ctx, t)
					p.failsIn(err, tenancy.ErrAlreadyExists, "identifier", "Update to a taken identifier with Revision %d", rev)
				}
				p.stored(first, "Updates that failed")
				p.stored(second, "Updates that failed")
				second.Name = "Own identifier"
				p.update(second)
			},
		},
		{
			Name: "rename-frees-identifier",
			Says: "A rename finds the tenant under its new identifier only, and frees the old one in the same commit.",
			check: func(p *probe) {
				first, second := p.create(tenant(0)), p.create(tenant(1))
				old := first.Identifier
				first.Identifier = "renamed"
				first = p.update(first)
				p.stored(first, "a rename")
				_, err := p.s.GetByIdentifier(p.ctx, old)
				p.fails(err, tenancy.ErrNotFound, "GetByIdentifier with the old identifier")
				second.Identifier = old
				second = p.update(second)
				p.stored(second, "taking over the old identifier")
				p.stored(first, "the other tenant took over the old identifier")
				third := tenant(2)
				third.Identifier = tenant(1).Identifier
				p.stored(p.create(third), "Create with an identifier that a rename freed")
			},
		},
	}
}
