package storetest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func changesRules() []Rule {
	return []Rule{
		{
			Name:  "changes-tell-every-write",
			Says:  "Every changed row is one Change with its Op, tenant, all keys old and new, and time; its Revision is that of the tenant.",
			needs: needSource,
			check: func(p *probe) {
				start := p.bounds().Newest
				var want []tenancy.Change
				expect := func(op tenancy.ChangeKind, rev tenancy.Revision, before, after *tenancy.Tenant) {
					id := ""
					for _, t := range []*tenancy.Tenant{before, after} {
						if t != nil {
							id = t.ID
						}
					}
					want = append(want, tenancy.Change{
						Position: tenancy.Position{Revision: rev}, Kind: op, TenantID: id, Keys: driver.KeysOf(before, after),
					})
				}
				created := p.create(tenant(0))
				expect(tenancy.ChangeCreate, created.Revision, nil, &created)
				other := p.create(tenant(1))
				expect(tenancy.ChangeCreate, other.Revision, nil, &other)
				renamed := created
				renamed.Identifier = "renamed"
				renamed = p.update(renamed)
				expect(tenancy.ChangeUpdate, renamed.Revision, &created, &renamed)
				status := p.setStatus(created.ID, tenancy.StatusSuspended)
				expect(tenancy.ChangeUpdate, status.Revision, &renamed, &status)
				patched := p.patch(created.ID, `{"a":1}`)
				expect(tenancy.ChangeUpdate, patched.Revision, &status, &patched)
				bulk := p.bulk(tenancy.StatusActive, other.ID, created.ID)
				slices.SortFunc(bulk, func(a, b tenancy.Tenant) int { return cmp.Compare(a.Revision, b.Revision) })
				for _, t := range bulk {
					expect(tenancy.ChangeUpdate, t.Revision, &t, &t)
				}
				p.delete(created.ID)
				expect(tenancy.ChangeDelete, patched.Revision+3, &patched, nil)

				got := p.changes(start, 0)
				if len(got) != len(want) {
					p.Fatalf("got %d changes %+v, want %d", len(got), got, len(want))
				}
				for i, c := range got {
					w := want[i]
					equal(p, c.Position.Revision, w.Position.Revision, "Revision of change %d", i)
					equal(p, c.Kind, w.Kind, "Op of change %d", i)
					equal(p, c.TenantID, w.TenantID, "TenantID of change %d", i)
					for _, k := range w.Keys {
						equal(p, c.Touches(k), true, "change %d, %s, touches %v", i, c.Kind, k)
					}
					equal(p, len(c.Keys), len(w.Keys), "number of keys of change %d, %v", i, c.Keys)
					if age := time.Since(c.At); age > clockSkew || age < -clockSkew || c.At != driver.NormalizeTime(c.At) {
						p.Errorf("At of change %d is %s, want the time of the write in UTC and microseconds", i, c.At)
					}
				}
			},
		},
		{
			Name:  "changes-tell-who-and-what",
			Says:  "A change has the actor of the write's context, and an update the names of the fields that it changed, never their values.",
			needs: needSource,
			check: func(p *probe) {
				start := p.bounds().Newest
				alice := tenancy.WithActor(p.ctx, "alice@example.com")
				long := strings.Repeat("é", tenancy.MaxActorRunes)
				type entry struct {
					by     string
					fields string
				}
				var want []entry
				note := func(by, fields string, err error) {
					p.Helper()
					p.OK(err, "a write that changes %s", fields)
					want = append(want, entry{by, fields})
				}
				write := func(ctx context.Context, fields string, edit func(t *tenancy.Tenant)) {
					p.Helper()
					t := p.get(tenant(0).ID)
					edit(&t)
					_, err := p.s.Update(ctx, t)
					note(tenancy.ActorFrom(ctx), fields, err)
				}
				_, err := p.s.Create(alice, tenant(0))
				note("alice@example.com", "", err)
				results, err := p.s.CreateBatch(alice, []tenancy.Tenant{tenant(1)})
				note("alice@example.com", "", errors.Join(err, results[0].Err))
				_, err = p.s.SetStatus(p.ctx, tenant(0).ID, tenancy.StatusSuspended)
				note("", "status", err)
				_, err = p.s.SetStatus(alice, tenant(0).ID, tenancy.StatusSuspended)
				note("alice@example.com", "", err)
				_, err = p.s.BulkUpdateStatus(tenancy.WithActor(p.ctx, "o'brien; --"), []string{tenant(0).ID}, tenancy.StatusActive)
				note("o'brien; --", "status", err)
				_, err = p.s.UpdateMetadata(tenancy.WithActor(p.ctx, long), tenant(0).ID, metadata(`{"a":1}`))
				note(long, "metadata", err)
				write(alice, "name", func(t *tenancy.Tenant) { t.Name = "Renamed" })
				write(p.ctx, "", func(*tenancy.Tenant) {})
				write(alice, "identifier", func(t *tenancy.Tenant) { t.Identifier = "renamed" })
				write(alice, "database_url", func(t *tenancy.Tenant) { t.DatabaseURL = tenancy.NewSecret("x://" + canary) })
				write(alice, "name", func(t *tenancy.Tenant) { t.Name = "Renamed again" })
				write(alice, "database_url identifier isolation metadata name schema_name status", func(t *tenancy.Tenant) {
					full := fullTenant()
					full.ID, full.Revision, full.Mark = t.ID, t.Revision, t.Mark
					*t = full
				})
				note("", "", p.s.Delete(p.ctx, tenant(0).ID))
				note("alice@example.com", "", p.s.Delete(alice, tenant(1).ID))

				got := p.changes(start, 0)
				if len(got) != len(want) {
					p.Fatalf("got %d changes, want %d", len(got), len(want))
				}
				for i, c := range got {
					equal(p, c.Actor, want[i].by, "the Actor of change %d, %s", i, c.Kind)
					equal(p, strings.Join(c.Fields, " "), want[i].fields, "the Fields of change %d, %s", i, c.Kind)
				}
			},
		},
		{
			Name:  "soft-delete-is-logged",
			Says:  "A soft Delete is an update in the log, Purge is a delete; both tell ID and identifier.",
			needs: needSource | needSoftDelete,
			check: func(p *probe) {
				t := p.create(tenant(0))
				start := p.bounds().Newest
				p.delete(t.ID)
				deleted := p.get(t.ID)
				p.OK(p.s.Purge(p.ctx, t.ID), "Purge")
				changes := p.changes(start, 0)
				gapFree(p, start, changes)
				if len(changes) != 2 {
					p.Fatalf("got %d changes after a soft Delete and Purge, want 2", len(changes))
				}
				equal(p, changes[0].Position.Revision, deleted.Revision, "Revision of the first change")
				for i, op := range []tenancy.ChangeKind{tenancy.ChangeUpdate, tenancy.ChangeDelete} {
					equal(p, changes[i].Kind, op, "Op of change %d", i)
					equal(p, changes[i].TenantID, t.ID, "TenantID of change %d", i)
					for _, k := range driver.KeysOf(&t, nil) {
						equal(p, changes[i].Touches(k), true, "change %d, %s, touches %v", i, op, k)
					}
				}
			},
		},
	}
}
