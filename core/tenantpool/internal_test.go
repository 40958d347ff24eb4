package tenantpool

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func newTestPool(t *testing.T) *Pool[int] {
	store := memstore.New()
	p, err := New(store, func(context.Context, tenancy.Tenant) (int, error) { return 1, nil }, nil, WithMax(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// From the moment that the watcher has ended the watch, before the goroutine of the entry
// has run, no lease is given.
func TestTheWatchDecides(t *testing.T) {
	p := newTestPool(t)
	tenant := tenancy.Tenant{ID: "acme"}
	watch, end := context.WithCancelCause(t.Context())
	e := newEntry(p, &tenant, 0)
	p.admit(watch, e, tenant)
	if got := p.fit(e, &tenant); got != fits {
		t.Errorf("fit: %d", got)
	}
	end(resolve.ErrNotServed)
	if got := p.fit(e, &tenant); got != outdated {
		t.Errorf("fit: %d, want outdated", got)
	}
	if got := reasonOf(watch); got != notServed {
		t.Errorf("reason: %d", got)
	}
}

// A place that is given to an entry while it leaves is not lost.
func TestNoPlaceIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t)
		p.room.free = 0
		e := newEntry(p, &tenancy.Tenant{ID: "acme"}, 0)
		e.waiters = 1
		watch, end := context.WithCancel(t.Context())
		e.watch = watch
		left := make(chan bool)
		go func() { left <- p.waitForRoom(e) }()
		synctest.Wait()
		p.mu.Lock()
		end() // and e wakes, and waits for mu
		p.room.give()
		p.mu.Unlock()
		if <-left || p.room.free != 1 || p.room.opening != 0 {
			t.Errorf("%+v", p.room)
		}
	})
}
