package storetest

import (
	"fmt"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func editRules() []Rule {
	return []Rule{
		{
			Name:  "edit-is-logged",
			Says:  "An edit behind the store's back is a Change with all keys, old and new, gives the tenant its Revision, and reaches watchers.",
			needs: needEdit | needSource,
			check: func(p *probe) {
				before := p.create(fullTenant())
				start := p.bounds().Newest
				w := p.watch(p.source(), start)
				edited := before
				edited.Identifier, edited.Name, edited.Status = "edited", "Edited by hand", tenancy.StatusActive
				p.h.Edit(p.TB, p.s, edited)
				c := w.change()
				equal(p, c.Kind, tenancy.ChangeUpdate, "Op of the change")
				equal(p, c.TenantID, before.ID, "TenantID of the change")
				for _, k := range driver.KeysOf(&before, &edited) {
					equal(p, c.Touches(k), true, "the change touches %v", k)
				}
				gapFree(p, start, []tenancy.Change{c})
				s := p.load(tenancy.Lookup{Key: tenancy.IdentifierKey("edited"), Min: c.Position.Revision})[0]
				edited = writtenLike(edited, s.Tenant) // who edits may set UpdatedAt or not
				edited.Revision = c.Position.Revision
				p.same(s.Tenant, edited, "Load after the edit")
				stale := before
				stale.Name = "Lost update"
				_, err := p.s.Update(p.ctx, stale)
				p.fails(err, tenancy.ErrConflict, "Update with the Revision from before the edit")
			},
		},
		{
			Name:  "edit-is-found",
			Says:  "After an edit behind the store's back, Search and lookups find the tenant by its new name and identifier, ignoring case, and not by the old ones.",
			needs: needEdit,
			check: func(p *probe) {
				t := p.create(tenancy.Tenant{ID: "edited", Identifier: "before", Name: "Früher"})
				t.Identifier, t.Name = "after", "ÜBERMORGEN"
				p.h.Edit(p.TB, p.s, t)
				p.eventually("GetByIdentifier after the edit", func() error {
					got, err := p.s.GetByIdentifier(p.ctx, "after")
					if err == nil && got.Name != t.Name {
						err = fmt.Errorf("the name is %q", got.Name)
					}
					return err
				})
				p.found("übermorgen", tenancy.SearchOptions{}, "after")
				p.found("früher", tenancy.SearchOptions{})
				_, err := p.s.GetByIdentifier(p.ctx, "before")
				p.fails(err, tenancy.ErrNotFound, "GetByIdentifier with the old identifier")
			},
		},
		{
			Name:  "unknown-status-is-returned",
			Says:  "A stored status that this version does not know is returned as it is by every read, and can be replaced.",
			needs: needEdit,
			check: func(p *probe) {
				t := p.create(tenant(0))
				const archived = tenancy.Status("archived")
				t.Status = archived
				p.h.Edit(p.TB, p.s, t)
				p.eventually("GetByID after the edit", func() error {
					got, err := p.s.GetByID(p.ctx, t.ID)
					if err == nil && got.Status != archived {
						err = fmt.Errorf("the status is %q", got.Status)
					}
					return err
				})
				p.stored(p.get(t.ID), "an edit to an unknown status")
				for _, found := range append(p.all(), p.search(t.Identifier, tenancy.SearchOptions{})...) {
					equal(p, found.Status, archived, "the status in List or Search")
				}
				equal(p, p.count(), 1, "Count")
				equal(p, p.count(tenancy.Statuses()...), 0, "Count of the known statuses")
				patched := p.patch(t.ID, `{"a":1}`)
				equal(p, patched.Status, archived, "the status after UpdateMetadata")
				equal(p, p.setStatus(t.ID, tenancy.StatusActive).Status, tenancy.StatusActive, "the status after SetStatus")
			},
		},
	}
}
