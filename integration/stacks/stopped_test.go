//go:build unix

package stacks

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// TestStoppedValkey: while Valkey hangs, no read fails or waits for it to go on, and
// goroutines stay bounded. When it goes on, it is used again.
func TestStoppedValkey(t *testing.T) {
	const tenants, callers, rounds = 50, 16, 40
	f := newFleet(t, plan{nodes: 1, postgres: true, valkey: true, patient: true, deadline: 2 * time.Second})
	ids := make([]string, tenants)
	for i := range ids {
		ids[i] = fmt.Sprintf("t-%d", i)
		if _, err := f.raw.Create(t.Context(), tenancy.Tenant{ID: ids[i], Identifier: "slug-" + ids[i], Name: "Tenant"}); err != nil {
			t.Fatal(err)
		}
	}
	stack := f.nodes[0].store.Load()
	load := func(what string) {
		t.Helper()
		var work sync.WaitGroup
		for c := range callers {
			work.Go(func() {
				for i := range rounds {
					if _, err := onlyShared(stack).GetByID(context.Background(), ids[(c*rounds+i)%tenants]); err != nil {
						t.Errorf("%s: %v", what, err)
					}
				}
			})
		}
		work.Wait()
	}

	load("cold")
	load("from Valkey")
	before := runtime.NumGoroutine()
	if err := f.valkey.Pause(); err != nil {
		t.Fatal(err)
	}
	load("Valkey stops")
	cache := stack.Shared().(*valkeytier.Cache)
	eventually(t, "the breaker opens", func() bool { return cache.Stats().State != observe.BreakerClosed })
	load("without Valkey")
	if now := runtime.NumGoroutine(); now > before+valkeytier.DefaultMaxCalls {
		t.Errorf("there were %d goroutines, and are %d", before, now)
	}

	if err := f.valkey.Resume(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Valkey is used again", func() bool { return cache.Stats().State == observe.BreakerClosed })
	hits := stack.Stats().Shared.Hits
	eventually(t, "Valkey answers lookups", func() bool {
		if _, err := onlyShared(stack).GetByID(t.Context(), ids[0]); err != nil {
			t.Fatal(err)
		}
		return stack.Stats().Shared.Hits > hits
	})
}
