//go:build unix

package stacks

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/checker"
)

// TestTakeover moves a domain from tenant to tenant while three nodes with empty caches
// are asked for it by many at once. No node shows an owner before after it has shown, or
// made, something newer; and all of them show each owner soon.
func TestTakeover(t *testing.T) {
	const rounds, callers = 12, 40
	key := tenancy.Key{Kind: tenancy.KindDomain, Value: "shop.test"}
	for name, p := range map[string]plan{
		"ristretto over valkey over postgres":  {nodes: 3, postgres: true, valkey: true, patient: true, deadline: time.Minute},
		"ristretto over a replica of postgres": {nodes: 3, postgres: true, replica: true, patient: true},
		"ristretto over valkey over sqlite":    {nodes: 3, valkey: true, patient: true, deadline: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, judge := newFleet(t, p), checker.New(p.nodes, lateness)
			var ids []string
			for _, identifier := range []string{"acme", "globex"} {
				tenant, err := f.raw.Create(t.Context(), tenancy.Tenant{Identifier: identifier, Name: identifier})
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, tenant.ID)
			}
			ask := func(ctx context.Context, n *node) tenancy.Tenant {
				owner, err := judge.Read(n.index, key, func() (tenancy.Tenant, error) { return n.store.Load().GetByDomain(ctx, key.Value) })
				if err != nil && !errors.Is(err, tenancy.ErrNotFound) {
					t.Error(err)
				}
				return owner
			}
			own := func(at int, s tenancy.Names, id string) {
				_, err := s.AddDomain(t.Context(), id, key.Value)
				if err == nil {
					_, err = judge.Write(at, func() (tenancy.Tenant, error) { return s.VerifyDomain(t.Context(), id, key.Value) })
				}
				if err != nil {
					t.Error(err)
				}
			}
			own(0, f.nodes[0].store.Load(), ids[0])
			for round := range rounds {
				mover, old, heir := f.nodes[round%p.nodes], ids[round%2], ids[1-round%2]
				for _, n := range f.nodes {
					if _, err := n.store.Load().InvalidateAll(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				var stampede sync.WaitGroup
				for i := range callers * p.nodes {
					stampede.Go(func() {
						for range 5 {
							ask(t.Context(), f.nodes[i%p.nodes])
						}
					})
				}
				store := mover.store.Load()
				if _, err := judge.Write(mover.index, func() (tenancy.Tenant, error) { return store.RemoveDomain(t.Context(), old, key.Value) }); err != nil {
					t.Fatal(err)
				}
				if owner := ask(t.Context(), mover); owner.ID != "" {
					t.Errorf("the node that has removed the domain shows %s", owner.Identifier)
				}
				own(mover.index, store, heir)
				stampede.Wait()
				for _, n := range f.nodes {
					eventually(t, "the node shows the heir", func() bool { return ask(t.Context(), n).ID == heir })
				}
			}
			if err := judge.Finish(t.Context(), f.raw); err != nil {
				t.Fatal(err)
			}
			for _, violation := range judge.Report().Examples {
				t.Error(violation)
			}
		})
	}
}
