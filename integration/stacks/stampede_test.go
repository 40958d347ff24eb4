//go:build unix

package stacks

import (
	"sync"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// TestStampede: a thousand cold reads of one slug on three nodes cost one read of
// the database where a shared cache hands out leases, and one for each process
// where none does.
func TestStampede(t *testing.T) {
	for name, c := range map[string]struct {
		plan plan
		most int64
	}{
		"with a lease":    {plan{nodes: 3, postgres: true, valkey: true, lease: patience, patient: true, deadline: time.Minute}, 1},
		"without a lease": {plan{nodes: 3, postgres: true, patient: true}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t, c.plan)
			if _, err := f.raw.Create(t.Context(), tenancy.Tenant{ID: "t1", Identifier: "acme", Name: "Acme"}); err != nil {
				t.Fatal(err)
			}
			for _, n := range f.nodes { // they follow, and have connections
				// For a new process, the change is one of the past. Else it could still take
				// a lease away that somebody is given now.
				if err := f.restart(n); err != nil {
					t.Fatal(err)
				}
				if _, err := n.store.Load().GetByID(t.Context(), "t1"); err != nil {
					t.Fatal(err)
				}
			}
			loaded := func() (sum int64) {
				for _, n := range f.nodes {
					sum += n.loads.keys.Load()
				}
				return sum
			}
			troubled := func() (sum int64) {
				for _, n := range f.nodes {
					sum += n.store.Load().Stats().Shared.Errors
				}
				return sum
			}
			before, troubles := loaded(), troubled()
			const callers = 1000
			start := make(chan struct{})
			var work sync.WaitGroup
			for i := range callers {
				store := f.nodes[i%len(f.nodes)].store.Load()
				work.Go(func() {
					<-start
					if _, err := store.GetByIdentifier(t.Context(), "acme"); err != nil {
						t.Error(err)
					}
				})
			}
			began := time.Now()
			close(start)
			work.Wait()
			loads, took := loaded()-before, time.Since(began)
			t.Logf("%d reads took %v and %d reads of the database", callers, took, loads)
			most := c.most
			// On a busy machine, Valkey may have kept a node waiting for longer than its
			// deadline, or the holder of a lease may have been slower than that lasts, which is 3 s.
			if n := troubled() - troubles; n > 0 || took >= 3*time.Second {
				t.Logf("%d calls of the cache failed", n)
				most = int64(len(f.nodes))
			}
			if loads < 1 || loads > most {
				t.Errorf("want 1 to %d", most)
			}
		})
	}
}
