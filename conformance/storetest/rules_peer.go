package storetest

import (
	"fmt"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func peerRules() []Rule {
	return []Rule{
		{
			Name:  "peer-writes-are-seen",
			Says:  "What one store writes, another on the same data reads soon, under new keys and no longer under old ones.",
			needs: needPeer,
			check: func(p *probe) {
				peer := p.h.Peer(p.TB, p.s)
				p.closeAtEnd(peer)
				t := p.create(tenant(0))
				soon := func(s tenancy.Store, want tenancy.Tenant, what string) {
					p.Helper()
					p.eventually(what, func() error {
						got, err := s.GetByID(p.ctx, want.ID)
						if d := diff(got, want); err != nil || d != "" {
							return fmt.Errorf("GetByID: error %s; %s", text(err), d)
						}
						got, err = s.GetByIdentifier(p.ctx, want.Identifier)
						if d := diff(got, want); err != nil || d != "" {
							return fmt.Errorf("GetByIdentifier: error %s; %s", text(err), d)
						}
						return nil
					})
				}
				soon(peer, t, "the peer reads what was created")
				old := t.Identifier
				t.Identifier = "renamed"
				t, err := peer.Update(p.ctx, t)
				p.OK(err, "Update by the peer")
				soon(p.s, t, "the store reads what its peer renamed")
				p.eventually("the old identifier is gone", func() error {
					if _, err := p.s.GetByIdentifier(p.ctx, old); expect(err, tenancy.ErrNotFound, "") != nil {
						return fmt.Errorf("GetByIdentifier: error %s", text(err))
					}
					return nil
				})
				p.OK(peer.Delete(p.ctx, t.ID), "Delete by the peer")
				p.eventually("the deleted tenant is gone", func() error {
					if _, err := p.s.GetByID(p.ctx, t.ID); expect(err, tenancy.ErrNotFound, "") != nil {
						return fmt.Errorf("GetByID: error %s", text(err))
					}
					return nil
				})
			},
		},
		{
			Name:  "list-is-not-behind-the-log",
			Says:  "When Changes has returned what another store on the same data wrote, List shows it.",
			needs: needPeer | needSource,
			check: func(p *probe) {
				peer := p.h.Peer(p.TB, p.s)
				p.closeAtEnd(peer)
				w := p.watch(p.source(), p.bounds().Newest)
				var all []tenancy.Tenant
				for i := range 3 {
					created, err := peer.Create(p.ctx, tenant(i))
					p.OK(err, "Create by the peer")
					equal(p, w.change().TenantID, created.ID, "the tenant of the change")
					all = append(all, created)
					p.sameAll(p.list(tenancy.ListOptions{}).Tenants, inListOrder(all), "List after the change")
				}
			},
		},
		{
			Name:  "peer-shares-log",
			Says:  "Stores on the same data share one log: their concurrent writes have revisions without gaps, and each watches the changes of the other.",
			needs: needPeer | needSource,
			check: func(p *probe) {
				peer := p.h.Peer(p.TB, p.s)
				p.closeAtEnd(peer)
				start := p.bounds().Newest
				w := p.watch(p.source(), start)
				wp := p.watch(p.sourceOf(peer), start)
				const writers, rounds = 8, 4
				done := make(chan []error, 1)
				go func() {
					done <- together(writers, func(i int) error {
						s := []tenancy.Store{p.s, peer}[i%2]
						t, err := s.Create(p.ctx, tenant(i))
						for n := 1; n < rounds && err == nil; n++ {
							t.Identifier = fmt.Sprintf("renamed-%d-%d", i, n)
							t, err = s.Update(p.ctx, t)
						}
						return err
					})
				}()
				at := start
				for range writers * rounds {
					c := w.change()
					gapFree(p, at, []tenancy.Change{c})
					equal(p, wp.change().Position, c.Position, "the position that the peer's watch yields")
					at = c.Position
				}
				for i, err := range <-done {
					p.OK(err, "writer %d", i)
				}
			},
		},
	}
}
