package bunpg_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// fillPool has store open n connections, which idle when it returns.
func fillPool(t testing.TB, dsn string, store *bunstore.Store, n int) {
	t.Helper()
	conn := connect(t, dsn)
	exec(t, conn, `BEGIN`)
	exec(t, conn, `LOCK TABLE tenants`)
	var reading sync.WaitGroup
	for range n {
		reading.Go(func() {
			if _, err := store.Count(t.Context(), tenancy.Filter{}); err != nil {
				t.Error(err)
			}
		})
	}
	other := connect(t, dsn)
	waitUntil(t, func() bool {
		return one[int](t, other, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
			AND application_name = 'tenantstore' AND wait_event_type = 'Lock'`) == n
	})
	exec(t, conn, `COMMIT`)
	reading.Wait()
}

// Connections that have hung (a NAT has forgotten them, a pooler hangs) are given up
// together: the first tells of the others, which are not waited for.
func TestHungConnectionsAreGivenUpTogether(t *testing.T) {
	dsn := newDatabase(t)
	relay := newRelay(t, dsn)
	store := open(t, relay.url, bunpg.WithoutListen(), bunpg.WithPool(bunpg.Pool{Size: 8}))
	fillPool(t, dsn, store, 8)
	relay.freeze()
	list := func(timeout time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		_, err := store.List(ctx, tenancy.ListOptions{})
		return err
	}
	_ = list(200 * time.Millisecond) // what is sent over a connection that has just hung is lost
	for range 8 {
		if err := list(patience); err != nil {
			t.Fatal(err)
		}
	}
	if n := relay.relied(); n > 2 { // that one, and one that was pinged
		t.Errorf("%d of 8 connections that had hung were waited for", n)
	}
}
