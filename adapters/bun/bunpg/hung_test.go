package bunpg_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
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
	for name, opts := range map[string][]bunpg.Option{
		"as it is": nil,
		"with a dialer of the program": {bunpg.WithBeforeConnect(func(_ context.Context, c *pgx.ConnConfig) error {
			c.DialFunc = (&net.Dialer{}).DialContext
			return nil
		})},
	} {
		t.Run(name, func(t *testing.T) {
			dsn := newDatabase(t)
			relay := newRelay(t, dsn)
			store := open(t, relay.url, append(opts, bunpg.WithoutListen(), bunpg.WithPool(bunpg.Pool{Size: 8}))...)
			fillPool(t, dsn, store, 8)
			relay.freeze()
			list := func(timeout time.Duration) error {
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				defer cancel()
				_, err := store.List(ctx, tenancy.ListOptions{})
				return err
			}
			for relay.relied() == 0 { // what is sent over a connection that has just hung is lost
				_ = list(200 * time.Millisecond)
			}
			for range 8 {
				if err := list(patience); err != nil {
					t.Fatal(err)
				}
			}
			if n := relay.relied(); n > 2 { // that one, and one that was pinged
				t.Errorf("%d of 8 connections that had hung were waited for", n)
			}
		})
	}
}

// The same goes for connections of the program's pool, whenever it pings.
func TestHungConnectionsOfAPoolAreGivenUpTogether(t *testing.T) {
	for name, ping := range map[string]func(context.Context, pgxpool.ShouldPingParams) bool{
		"as it is":    nil,
		"with a ping": func(context.Context, pgxpool.ShouldPingParams) bool { return true },
	} {
		t.Run(name, func(t *testing.T) {
			dsn := newDatabase(t)
			relay := newRelay(t, dsn)
			settings, err := pgxpool.ParseConfig(relay.url)
			if err != nil {
				t.Fatal("the URL of the relay is not valid")
			}
			settings.MaxConns, settings.ShouldPing = 8, ping
			settings.ConnConfig.RuntimeParams["application_name"] = "tenantstore"
			pool, err := pgxpool.NewWithConfig(t.Context(), settings)
			if err != nil {
				t.Fatal(err)
			}
			defer pool.Close()
			defer relay.cut() // else closing the pool waits for what hangs
			store, err := bunpg.FromPool(t.Context(), pool, bunpg.WithoutListen())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = store.Close() }()
			fillPool(t, dsn, store, 8)
			relay.freeze()
			list := func(timeout time.Duration) error {
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				defer cancel()
				_, err := store.List(ctx, tenancy.ListOptions{})
				return err
			}
			_ = list(200 * time.Millisecond) // what is sent over a connection that has just hung is lost
			// pgx would keep the places of those that hang for 15 s.
			if err := list(14 * time.Second); err != nil {
				t.Error(err)
			}
		})
	}
}

// A call whose connection has hung waits no longer for its answer, although nothing
// bounds it, once another connection was found to have hung; one that is only slow does.
func TestHungCallsEnd(t *testing.T) {
	dsn := newDatabase(t)
	relay := newRelay(t, dsn)
	store := open(t, relay.url, bunpg.WithoutListen(), bunpg.WithPool(bunpg.Pool{Size: 4, Overflow: 4}),
		bunpg.WithStore(bunstore.WithRetryTimeout(2*patience)))
	acme := create(t, store, "acme")
	next := changesOf(t, store) // reads the log, as a tier does, and so finds out
	fillPool(t, dsn, store, 4)
	slow, hung := make(chan error, 1), make(chan error, 1)
	conn := connect(t, dsn)
	exec(t, conn, `BEGIN`)
	exec(t, conn, `LOCK TABLE tenants`)
	go func() {
		_, err := store.GetByID(context.WithoutCancel(t.Context()), acme.ID)
		slow <- err
	}()
	other := connect(t, dsn)
	waitUntil(t, func() bool {
		return one[int](t, other, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
			AND application_name = 'tenantstore' AND wait_event_type = 'Lock'`) == 1
	})
	relay.freezeIdle()
	go func() {
		_, err := store.Bounds(context.WithoutCancel(t.Context())) // which needs no lock
		hung <- err
	}()
	waitUntil(t, func() bool { return relay.relied() > 0 })
	select {
	case err := <-hung:
		if !errors.Is(err, tenancy.ErrUnavailable) {
			t.Errorf("the call whose answer is lost: %v", err)
		}
	case <-time.After(patience):
		t.Error("the call whose answer is lost goes on")
	}
	exec(t, conn, `COMMIT`)
	if err := <-slow; err != nil {
		t.Errorf("the call that waited for a lock: %v", err)
	}
	exec(t, conn, `UPDATE tenants SET name = 'B'`)
	if c := next(); c.TenantID != acme.ID {
		t.Errorf("change %+v", c)
	}
}

// Who follows over connections that have hung is told so, or sees changes over new ones.
func TestFollowOverAConnectionThatHangs(t *testing.T) {
	for name, c := range map[string]struct {
		hang   func(*relay)
		report bool
	}{
		"all connections": {(*relay).silence, true},
		"the old ones":    {(*relay).freeze, false},
	} {
		t.Run(name, func(t *testing.T) {
			dsn := newDatabase(t)
			relay := newRelay(t, dsn)
			store := open(t, relay.url, bunpg.WithPool(bunpg.Pool{Size: 8}))
			create(t, store, "acme")
			fillPool(t, dsn, store, 8)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			conn, hangs, seen := connect(t, dsn), false, false
			err := follow.Run(ctx, store, follow.Handler{
				Change: func(context.Context, tenancy.Change) error {
					seen = true
					cancel()
					return nil
				},
				Contact: func(err error) {
					if err != nil {
						relay.heal()
					} else if !hangs {
						hangs = true
						c.hang(relay)
						exec(t, conn, `UPDATE tenants SET status = 'suspended'`)
					}
				},
			})
			if !seen {
				t.Errorf("ended with %v, without the change", err)
			}
			if n := relay.relied(); !c.report && n > 3 { // a read of the log, a ping, the listener
				t.Errorf("%d of 9 connections that had hung were waited for", n)
			}
		})
	}
}

// A tier stops serving what it should not over connections that hang one by one as soon
// as it knows of the first.
func TestTierOverConnectionsThatHang(t *testing.T) {
	dsn := newDatabase(t)
	relay := newRelay(t, dsn)
	store := open(t, relay.url, bunpg.WithPool(bunpg.Pool{Size: 8}))
	acme := create(t, store, "acme")
	cached, err := tier.New(store, tier.Local(faults.NewLocal()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cached.Close() }()
	get := func() tenancy.Status {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		got, err := cached.GetByID(ctx, acme.ID)
		if err != nil {
			t.Fatal(err)
		}
		return got.Status
	}
	get()
	fillPool(t, dsn, store, 8)
	relay.freeze()
	exec(t, connect(t, dsn), `UPDATE tenants SET status = 'suspended'`)
	waitUntil(t, func() bool { return get() == tenancy.StatusSuspended })
	if n := relay.relied(); n > 4 { // statements of the watch and of the tier, a ping, the listener
		t.Errorf("%d of 9 connections that had hung were waited for", n)
	}
}
