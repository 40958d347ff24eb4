//go:build unix

package stacks

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// slack is what a read may wait for the processor, on a machine that does much else.
const slack = 3 * time.Second

// TestStoppedValkey: while Valkey hangs, no read fails, and none waits for longer
// than the deadline of its call; goroutines stay bounded. When Valkey goes on, it is
// used again.
func TestStoppedValkey(t *testing.T) {
	const tenants, callers, rounds = 50, 16, 40
	f := newFleet(t, plan{nodes: 1, postgres: true, valkey: true})
	ids := make([]string, tenants)
	for i := range ids {
		ids[i] = fmt.Sprintf("t-%d", i)
		if _, err := f.raw.Create(t.Context(), tenancy.Tenant{ID: ids[i], Identifier: "slug-" + ids[i], Name: "Tenant"}); err != nil {
			t.Fatal(err)
		}
	}
	var shared *tier.Store // reads of which nothing in memory answers
	for s := range tier.Walk(f.nodes[0].store.Load()) {
		shared = s
	}
	load := func(what string) []time.Duration {
		t.Helper()
		var mu sync.Mutex
		var took []time.Duration
		var work sync.WaitGroup
		for c := range callers {
			work.Go(func() {
				for i := range rounds {
					began := time.Now()
					_, err := shared.GetByID(context.Background(), ids[(c*rounds+i)%tenants])
					mu.Lock()
					took = append(took, time.Since(began))
					mu.Unlock()
					if err != nil {
						t.Errorf("%s: %v", what, err)
					}
				}
			})
		}
		work.Wait()
		slices.Sort(took)
		t.Logf("%s: p50 %v, p99 %v, longest %v, %d goroutines", what, took[len(took)/2], took[len(took)*99/100], took[len(took)-1], runtime.NumGoroutine())
		return took
	}

	load("cold")
	load("from Valkey")
	before := runtime.NumGoroutine()
	if err := f.valkey.Pause(); err != nil {
		t.Fatal(err)
	}
	took := load("Valkey stops")
	if longest := took[len(took)-1]; longest > valkeytier.DefaultDeadline+slack {
		t.Errorf("a read has taken %v; the deadline is %v", longest, valkeytier.DefaultDeadline)
	}
	cache, ok := shared.Cache().(*valkeytier.Cache)
	if !ok {
		t.Fatalf("the innermost tier is on a %T", shared.Cache())
	}
	eventually(t, "the breaker opens", func() bool { return cache.Stats().State != valkeytier.Closed })
	load("without Valkey")
	if now := runtime.NumGoroutine(); now > before+valkeytier.DefaultMaxCalls {
		t.Errorf("there were %d goroutines, and are %d", before, now)
	}

	if err := f.valkey.Resume(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Valkey is used again", func() bool { return cache.Stats().State == valkeytier.Closed })
	hits := shared.Stats().Hits
	eventually(t, "Valkey answers lookups", func() bool {
		if _, err := shared.GetByID(t.Context(), ids[0]); err != nil {
			t.Fatal(err)
		}
		return shared.Stats().Hits > hits
	})
}
