package replica_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// crowded is a database whose pages take a second, and which notes how many were read at
// once.
type crowded struct {
	*database
	now, most atomic.Int64
}

func (c *crowded) List(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
	now := c.now.Add(1)
	defer c.now.Add(-1)
	for most := c.most.Load(); now > most && !c.most.CompareAndSwap(most, now); most = c.most.Load() {
	}
	time.Sleep(time.Second)
	return c.database.List(ctx, opts)
}

// The processes of a fleet for which the log was trimmed at the same time do not all scan
// at the same time, and serve meanwhile. A start does not wait, and neither does a process
// that serves nothing.
func TestAFleetDoesNotScanAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const processes = 50
		store := memstore.New()
		acme := create(t, store, "acme")
		db := &crowded{database: newDatabase(store)}
		fleet := make([]*replica.Store, processes)
		began := time.Now()
		for i := range fleet {
			fleet[i] = start(t, db, replica.WithFollowTimeout(10*time.Second))
			defer stop(t, fleet[i])
		}
		synced := func() {
			t.Helper()
			var all sync.WaitGroup
			for _, r := range fleet {
				all.Go(func() {
					for r.State().Phase != replica.PhaseSynced {
						time.Sleep(10 * time.Millisecond)
					}
				})
			}
			all.Wait()
		}
		trim := func() {
			db.down.Store(true)
			later(t)
			store.Compact(suspend(t, store, acme.ID).Revision)
			db.most.Store(0)
			began = time.Now()
			db.down.Store(false)
		}
		synced()
		if took := time.Since(began); took > 2*time.Second || db.most.Load() != processes {
			t.Errorf("a start took %v, and %d at once", took, db.most.Load())
		}

		trim()
		later(t)
		for _, r := range fleet {
			if !r.State().Serving {
				t.Fatal("nothing is served meanwhile")
			}
		}
		synced()
		if took, most := time.Since(began), db.most.Load(); took > 13*time.Second || most > processes/2 {
			t.Errorf("%d scans of a second took %v, and there were %d at once", processes, took, most)
		}
		for _, r := range fleet {
			if n := r.State().Scans; n != 2 {
				t.Errorf("%d scans, want 2", n)
			}
		}

		trim()
		later(t)
		if _, err := fleet[0].SetStatus(t.Context(), acme.ID, tenancy.StatusActive); err != nil {
			t.Fatal(err)
		}
		began = time.Now()
		for fleet[0].State().Phase != replica.PhaseSynced {
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("after a write, for which service ends, the scan took %v", took)
		}
	})
}
