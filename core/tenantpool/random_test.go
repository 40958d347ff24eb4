package tenantpool_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenantpool"
)

const (
	randomTenants = 12
	randomMax     = 4
	randomDrain   = 10 * time.Second
)

// world is a store whose tenants change at random, and what the pool must know of them.
type world struct {
	t      *testing.T
	store  *memstore.Store
	server *server
	pool   *tenantpool.Pool[*conn]

	mu     sync.Mutex
	latest [randomTenants]tenancy.Tenant // as of which the pool has read the log
	old    [randomTenants]tenancy.Tenant // an earlier state
	turns  [randomTenants]int            // when latest may be outdated, and when it is not again
}

// TestRandom lets many use the resources of tenants that are suspended, moved, replaced and
// out of order, and looks that the guarantees hold for each.
func TestRandom(t *testing.T) {
	var changed, notServed, evicted, exhausted, failed int64
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := random(t, seed)
				changed += st.Changed
				notServed += st.NotServed
				evicted += st.Evicted
				exhausted += st.Exhausted
				failed += st.Failed
			})
		})
	}
	if min(changed, notServed, evicted, exhausted, failed) < 10 {
		t.Errorf("it was not put to the test: changed %d, not served %d, evicted %d, exhausted %d, failed %d", changed, notServed, evicted, exhausted, failed)
	}
}

func random(t *testing.T, seed uint64) tenantpool.State {
	rnd := rand.New(rand.NewPCG(seed, 0))
	w := &world{t: t}
	var ctxs []context.Context
	w.store, ctxs = newStore(t, randomTenants)
	w.server = newServer(t, randomMax)
	for i, ctx := range ctxs {
		w.latest[i] = tenancy.MustFromContext(ctx)
		w.old[i] = w.latest[i]
	}
	delays := make(chan time.Duration, 1000)
	for range cap(delays) {
		delays <- time.Duration(rnd.IntN(4) * rnd.IntN(500) * int(time.Millisecond))
	}
	delay := func() {
		d := <-delays
		delays <- d
		time.Sleep(d)
	}
	p, err := tenantpool.New(w.store,
		func(ctx context.Context, t tenancy.Tenant) (*conn, error) {
			defer delay()
			return w.server.open(ctx, t)
		},
		func(c *conn) error {
			delay()
			return w.server.close(c)
		},
		tenantpool.WithMax(randomMax), tenantpool.WithDrain(randomDrain), tenantpool.WithIdle(5*time.Second), tenantpool.WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	w.pool = p
	ctx, stop := context.WithCancel(t.Context())
	var users sync.WaitGroup
	for n := range uint64(10) {
		rnd := rand.New(rand.NewPCG(seed, n+1))
		users.Go(func() {
			for ctx.Err() == nil {
				w.use(rnd)
			}
		})
	}
	for range 300 {
		time.Sleep(time.Duration(rnd.IntN(400)) * time.Millisecond)
		w.change(rnd)
	}
	stop()
	users.Wait()
	time.Sleep(time.Minute)
	st := p.State()
	if st.Leased+st.Idle+st.Opening+st.Draining+st.Waiting != 0 || st.Forced != 0 || w.server.conns != 0 {
		t.Errorf("nobody uses the %d resources, %+v", w.server.conns, st)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	return st
}

// use is a request.
func (w *world) use(rnd *rand.Rand) {
	i := rnd.IntN(randomTenants)
	w.mu.Lock()
	known, turn := w.latest[i], w.turns[i] // which the pool has obeyed
	has := known
	if rnd.IntN(3) == 0 {
		has = w.old[i]
	}
	w.mu.Unlock()
	patience := time.Duration(rnd.IntN(3000)) * time.Millisecond
	ctx, cancel := context.WithTimeout(tenancy.NewContext(w.t.Context(), has), patience)
	defer cancel()
	begun := time.Now()
	lease, err := w.pool.Get(ctx)
	if time.Since(begun) > patience {
		w.t.Errorf("Get took %v, and had %v", time.Since(begun), patience)
	}
	if err != nil {
		if !errors.Is(err, resolve.ErrNotServed) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, errDown) {
			w.t.Error(err)
		}
		time.Sleep(time.Duration(rnd.IntN(100)) * time.Millisecond)
		return
	}
	defer lease.Release()
	c := lease.Resource()
	w.mu.Lock()
	same := w.turns[i] == turn && turn%2 == 0 // nothing has happened since
	w.mu.Unlock()
	if c.id != has.ID {
		w.t.Errorf("the resource of %s for %s", c.id, has.ID)
	}
	if same && (known.Status != tenancy.StatusActive || c.url != known.DatabaseURL.Reveal() || !has.CreatedAt.Equal(known.CreatedAt)) {
		w.t.Errorf("%s for %+v, when the tenant is %+v", c.url, has, known)
	}
	for range rnd.IntN(10) {
		if w.server.isClosed(c) {
			w.t.Errorf("%s is closed while it is in use", c.url)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if rnd.IntN(10) == 0 { // long work, which heeds that it must end
		select {
		case <-lease.Done():
			time.Sleep(randomDrain - time.Second)
		case <-time.After(20 * time.Second):
		}
		if w.server.isClosed(c) {
			w.t.Errorf("%s is closed while it is in use", c.url)
		}
	}
}

// change changes a tenant, or its database.
func (w *world) change(rnd *rand.Rand) {
	i := rnd.IntN(randomTenants)
	before := w.latest[i]
	ctx := tenancy.NewContext(w.t.Context(), before)
	w.mu.Lock()
	w.turns[i]++
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.turns[i]++
	}()
	switch rnd.IntN(9) {
	case 0, 1:
		ctx = edit(w.t, w.store, ctx, status(tenancy.StatusSuspended))
	case 2, 3:
		ctx = edit(w.t, w.store, ctx, status(tenancy.StatusActive))
	case 4, 5:
		ctx = edit(w.t, w.store, ctx, moveTo(fmt.Sprintf("db://%d", rnd.Uint64())))
	case 6:
		ctx = edit(w.t, w.store, ctx, func(t *tenancy.Tenant) { t.Name += "x" })
	case 7:
		w.server.fail(before.ID, errDown)
		return
	case 8:
		w.server.fail(before.ID, nil)
		if rnd.IntN(2) == 0 {
			return
		}
		if err := w.store.Purge(ctx, before.ID); err != nil {
			w.t.Error(err)
		}
		time.Sleep(time.Millisecond)
		now, err := w.store.Create(ctx, tenancy.Tenant{
			ID: before.ID, Identifier: before.Identifier, Name: "Other", DatabaseURL: tenancy.NewSecret(fmt.Sprintf("db://%d", rnd.Uint64())),
		})
		if err != nil {
			w.t.Error(err)
		}
		ctx = tenancy.NewContext(ctx, now)
	}
	synctest.Wait() // the pool has read the log
	w.mu.Lock()
	defer w.mu.Unlock()
	w.old[i], w.latest[i] = before, tenancy.MustFromContext(ctx)
}
