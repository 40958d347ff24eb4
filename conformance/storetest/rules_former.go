package storetest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func formerRules() []Rule {
	return []Rule{
		{
			Name:  "rename-keeps-the-former-identifier",
			Says:  "In a store that keeps them, FormerOwner returns who had an identifier until a rename, and GetByIdentifier does not; in another, nobody had it.",
			needs: needNames,
			check: func(p *probe) {
				old := tenant(0).Identifier
				t := p.create(tenant(0))
				p.leadsNowhere(formerKey(old), "Create")
				t = p.renamed(t, "second")
				p.leadsTo(formerKey(old), t, "the first rename")
				p.fails(second(p.s.GetByIdentifier(p.ctx, old)), tenancy.ErrNotFound, "GetByIdentifier of the old identifier")
				t = p.renamed(t, "third")
				p.leadsTo(formerKey(old), t, "the second rename")
				p.leadsTo(formerKey("second"), t, "the second rename")
				t = p.setStatus(t.ID, tenancy.StatusSuspended)
				p.leadsTo(formerKey(old), t, "SetStatus")

				p.s = p.openNames(NameOptions{})
				p.renamed(p.create(tenant(0)), "second")
				p.leadsNowhere(formerKey(old), "a rename in a store that does not keep identifiers")
			},
		},
		{
			Name:  "former-identifier-is-free",
			Says:  "Whoever is created with a former identifier, or renamed to it, takes it in the same commit: no identifier is somebody's and somebody else's former one.",
			needs: needNames,
			check: func(p *probe) {
				a := p.renamed(p.create(tenancy.Tenant{ID: "a", Identifier: "first", Name: "A"}), "second")
				b := p.create(tenancy.Tenant{ID: "b", Identifier: "first", Name: "B"})
				p.leadsNowhere(formerKey("first"), "Create with a former identifier")
				p.stored(b, "Create with a former identifier")
				a = p.renamed(p.get(a.ID), "third")
				p.leadsTo(formerKey("second"), a, "a rename")
				b = p.renamed(b, "second")
				p.leadsNowhere(formerKey("second"), "a rename to a former identifier")
				p.leadsTo(formerKey("first"), b, "a rename to a former identifier")
				p.renamed(p.get(a.ID), "first")
				p.leadsNowhere(formerKey("first"), "a rename to what was another's twice")
				b = p.renamed(p.get(b.ID), "fourth")
				b = p.renamed(b, "second")
				p.leadsNowhere(formerKey("second"), "a rename back")
				p.leadsTo(formerKey("fourth"), b, "a rename back")
				results, err := p.s.CreateBatch(p.ctx, []tenancy.Tenant{{ID: "c", Identifier: "fourth", Name: "C"}})
				p.OK(errors.Join(err, results[0].Err), "CreateBatch with a former identifier")
				p.leadsNowhere(formerKey("fourth"), "CreateBatch with a former identifier")
			},
		},
		{
			Name:  "rename-chains-end",
			Says:  "After any chain of renames, deletions and creations, a former identifier leads to the tenant that had it last, under the identifier that it has now, or to nobody.",
			needs: needNames,
			check: func(p *probe) {
				slugs := []string{"aaa", "bbb", "ccc", "ddd"}
				current := map[string]string{} // identifier → ID of who has it
				last := map[string]string{}    // identifier → ID of who had it last, if nobody has it
				rng := rand.New(rand.NewPCG(1, 0))
				for step := range 200 {
					slug, id := slugs[rng.IntN(len(slugs))], fmt.Sprintf("id-%d", rng.IntN(3))
					old, err := p.s.GetByID(p.ctx, id)
					exists := err == nil
					switch owner, taken := current[slug]; {
					case taken && rng.IntN(3) > 0: // a rename would be refused
						continue
					case taken:
						p.delete(owner)
						delete(current, slug)
						maps.DeleteFunc(last, func(_, had string) bool { return had == owner })
					case exists:
						p.renamed(old, slug)
						delete(current, old.Identifier)
						last[old.Identifier] = id
						current[slug] = id
					default:
						p.create(tenancy.Tenant{ID: id, Identifier: slug, Name: "Traveller"})
						current[slug] = id
					}
					for _, s := range slugs {
						if _, taken := current[s]; taken {
							delete(last, s)
						}
						owner, err := p.s.FormerOwner(p.ctx, s)
						if want, kept := last[s]; !kept {
							p.fails(err, tenancy.ErrNotFound, "FormerOwner of %s after step %d", s, step)
						} else if err != nil || owner.ID != want || current[owner.Identifier] != want {
							p.Errorf("FormerOwner of %s after step %d: got %s %s, %v, want %s", s, step, owner.ID, owner.Identifier, err, want)
						}
					}
				}
			},
		},
		{
			Name:  "former-identifiers-expire",
			Says:  "A former identifier ends after the time that the store keeps it, by a change that touches its key.",
			needs: needNames,
			check: func(p *probe) {
				p.s = p.openNames(NameOptions{KeepFormer: time.Millisecond})
				t := p.create(tenant(0))
				start := p.newest()
				p.renamed(t, "renamed")
				p.eventually("the former identifier ends", func() error {
					if t, err := p.s.FormerOwner(p.ctx, tenant(0).Identifier); !errors.Is(err, tenancy.ErrNotFound) {
						return fmt.Errorf("the store has %s, error %w", t.Identifier, err)
					}
					return nil
				})
				if p.h.Source {
					n := 0
					for _, c := range p.since(start) {
						if c.Touches(formerKey(tenant(0).Identifier)) {
							n++
						}
					}
					equal(p, n, 2, "number of changes that touch the former identifier: the rename, and its end")
				}
			},
		},
	}
}

func nameLogRules() []Rule {
	return []Rule{
		{
			Name:  "names-are-logged",
			Says:  "A write of a name is one change of its tenant, with the actor and the field names; it gives the tenant its Revision and touches what it changes.",
			needs: needNames | needSource,
			check: func(p *probe) {
				t, alice := p.create(tenant(0)), tenancy.WithActor(p.ctx, "alice")
				d := domainKey("acme.test")
				for _, step := range []struct {
					op      string
					touches bool
					write   func() error
				}{
					{"AddDomain", false, func() error { return second(p.s.AddDomain(alice, t.ID, d.Value)) }},
					{"VerifyDomain", true, func() error { return second(p.s.VerifyDomain(alice, t.ID, d.Value)) }},
					{"SetPrimaryDomain", true, func() error { return second(p.s.SetPrimaryDomain(alice, t.ID, d.Value)) }},
					{"RemoveDomain", true, func() error { return second(p.s.RemoveDomain(alice, t.ID, d.Value)) }},
				} {
					start, before := p.newest(), p.get(t.ID)
					p.OK(step.write(), "%s", step.op)
					changes, after := p.since(start), p.get(t.ID)
					if len(changes) != 1 {
						p.Fatalf("%s: got %d changes, want 1", step.op, len(changes))
					}
					c := changes[0]
					equal(p, c.Position, after.Position(), "Position of the change of %s", step.op)
					equal(p, c.Kind, tenancy.ChangeUpdate, "Kind of the change of %s", step.op)
					equal(p, c.TenantID, t.ID, "TenantID of the change of %s", step.op)
					equal(p, c.Actor, "alice", "Actor of the change of %s", step.op)
					equal(p, fmt.Sprint(c.Fields), "[names]", "Fields of the change of %s", step.op)
					for _, k := range driver.KeysOf(&t, nil) {
						equal(p, c.Touches(k), true, "the change of %s touches %v", step.op, k)
					}
					equal(p, c.Touches(d), step.touches, "the change of %s touches the domain", step.op)
					if !after.UpdatedAt.After(before.UpdatedAt) {
						p.Errorf("%s moved UpdatedAt from %s to %s", step.op, stamp(before.UpdatedAt), stamp(after.UpdatedAt))
					}
				}
			},
		},
		{
			Name:  "changes-touch-names",
			Says:  "Every change of a tenant touches its verified domains and its former identifiers, since they find it; its claims, never.",
			needs: needNames | needSource,
			check: func(p *probe) {
				t := p.create(tenant(0))
				p.verified(t.ID, "acme.test")
				p.claim(t.ID, "claim.test")
				start := p.newest()
				t = p.renamed(p.get(t.ID), "renamed")
				t.Name = "Edited"
				p.update(t)
				p.setStatus(t.ID, tenancy.StatusSuspended)
				p.bulk(tenancy.StatusActive, t.ID)
				p.patch(t.ID, `{"a":1}`)
				p.delete(t.ID)
				changes := p.since(start)
				equal(p, len(changes), 6, "number of changes")
				for i, c := range changes {
					equal(p, c.Touches(domainKey("acme.test")), true, "change %d, %s, touches the domain", i, c.Kind)
					equal(p, c.Touches(formerKey(tenant(0).Identifier)), true, "change %d, %s, touches the former identifier", i, c.Kind)
					equal(p, c.Touches(domainKey("claim.test")), false, "change %d, %s, touches the claim", i, c.Kind)
				}
			},
		},
		{
			Name:  "restore-brings-names-back",
			Says:  "After a backup was restored, names are those that it holds.",
			needs: needNames | needSource | needBackup,
			check: func(p *probe) {
				t := p.verified(p.create(tenant(0)).ID, "acme.test")
				restore := p.h.Backup(p.TB, p.s)
				p.removed(t.ID, "acme.test")
				p.leadsTo(domainKey("late.test"), p.verified(t.ID, "late.test"), "VerifyDomain")
				p.leadsNowhere(domainKey("acme.test"), "RemoveDomain")
				restore(p.TB)
				p.eventually("the store follows the restore", func() error {
					if _, err := p.s.GetByDomain(p.ctx, "late.test"); !errors.Is(err, tenancy.ErrNotFound) {
						return fmt.Errorf("GetByDomain of what was verified later: %w", err)
					}
					got, err := p.s.GetByDomain(p.ctx, "acme.test")
					if err != nil || got != t {
						return fmt.Errorf("GetByDomain: %s; %w", diff(got, t), err)
					}
					return nil
				})
			},
		},
	}
}

// newest returns the newest position of the log, if the store has one.
func (p *probe) newest() tenancy.Position {
	p.Helper()
	if !p.h.Source {
		return tenancy.Position{}
	}
	return p.bounds().Newest
}

// since returns the changes after a position that newest has returned.
func (p *probe) since(start tenancy.Position) []tenancy.Change {
	p.Helper()
	if !p.h.Source {
		return nil
	}
	return p.changes(start, 0)
}
