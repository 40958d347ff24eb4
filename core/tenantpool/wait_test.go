package tenantpool_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenantpool"
)

// A resource that nobody waits for any more makes room for those who wait.
func TestUnwantedResourceMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 2)
		s := newServer(t, 1)
		p := newPool(t, store, s)
		goOn := s.gate(idOf(ctxs[0]))
		short, cancel := context.WithTimeout(ctxs[0], time.Second)
		defer cancel()
		if _, err := p.Get(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		time.AfterFunc(time.Second, goOn)
		begun := time.Now()
		lease := mustGet(t, p, ctxs[1])
		lease.Release()
		if d := time.Since(begun); d != time.Second {
			t.Errorf("it took %v", d)
		}
	})
}

// Who waits for room learns at once that the tenant is not served, and the place is not lost.
func TestSuspendedWhileThereIsNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 2)
		s := newServer(t, 1)
		p := newPool(t, store, s)
		lease := mustGet(t, p, ctxs[0])
		time.AfterFunc(time.Second, func() { edit(t, store, ctxs[1], status(tenancy.StatusSuspended)) })
		begun := time.Now()
		if _, err := p.Get(ctxs[1]); !errors.Is(err, resolve.ErrNotServed) || time.Since(begun) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		lease.Release()
		if st := p.State(); st.Waiting != 0 || st.Idle != 1 {
			t.Errorf("%+v", st)
		}
	})
}

// A lease that comes at the very end of the wait is not lost.
func TestLeaseAtTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 1)
		s := newServer(t, 1)
		p := newPool(t, store, s, tenantpool.WithIdle(time.Second))
		for range 50 {
			time.AfterFunc(time.Second, s.gate(idOf(ctxs[0])))
			ctx, cancel := context.WithTimeout(ctxs[0], time.Second)
			if lease, err := p.Get(ctx); err == nil {
				lease.Release()
			}
			cancel()
			time.Sleep(10 * time.Second)
			if st := p.State(); st.Leased != 0 || s.conns != 0 {
				t.Fatalf("%+v", st)
			}
		}
	})
}

// slowLoad is a source whose lookups wait for a gate.
type slowLoad struct {
	tenancy.Source
	gate chan struct{}
}

func (s *slowLoad) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	<-s.gate
	return s.Source.Load(ctx, want)
}

// There is no room made for somebody who has gone while the tenant was looked up.
func TestGoneDuringTheLookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 2)
		source := &slowLoad{store, make(chan struct{}, 1)}
		s := newServer(t, 1)
		p := newPool(t, source, s)
		source.gate <- struct{}{}
		lease := mustGet(t, p, ctxs[0])
		short, cancel := context.WithTimeout(ctxs[1], time.Second)
		defer cancel()
		if _, err := p.Get(short); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, tenantpool.ErrExhausted) {
			t.Error(err)
		}
		close(source.gate)
		synctest.Wait()
		if st := p.State(); st.Waiting != 0 {
			t.Errorf("%+v", st)
		}
		lease.Release()
	})
}

// What is refused to one who knows a former tenant is not refused to those who wait with him.
func TestWaitingWithAFormerTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 1)
		source := &slowLoad{store, make(chan struct{})}
		p := newPool(t, source, newServer(t, 1))
		former := tenancy.MustFromContext(ctxs[0])
		if err := store.Purge(t.Context(), former.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		now, err := store.Create(t.Context(), tenancy.Tenant{ID: former.ID, Identifier: "other", Name: "Other"})
		if err != nil {
			t.Fatal(err)
		}
		refused := make(chan error)
		go func() {
			_, err := p.Get(ctxs[0])
			refused <- err
		}()
		synctest.Wait()
		go func() {
			synctest.Wait()
			close(source.gate)
		}()
		lease := mustGet(t, p, tenancy.NewContext(t.Context(), now))
		lease.Release()
		if err := <-refused; !errors.Is(err, resolve.ErrNotServed) {
			t.Error(err)
		}
	})
}

// outdatedLoad is a source that answers with a former state.
type outdatedLoad struct {
	tenancy.Source
	former atomic.Pointer[tenancy.Versioned]
}

func (o *outdatedLoad) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	if former := o.former.Load(); former != nil {
		return []tenancy.Versioned{*former}, nil
	}
	return o.Source.Load(ctx, want)
}

// A context may know more than the store of the pool does yet. Nothing is opened again and
// again for that reason.
func TestTheStoreKnowsLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 1)
		source := &outdatedLoad{Source: &late{Source: store}}
		source.Source.(*late).is.Store(true)
		s := newServer(t, 1)
		p := newPool(t, source, s)
		synctest.Wait() // the pool has read the log so far
		former := tenancy.MustFromContext(ctxs[0])
		source.former.Store(&tenancy.Versioned{AsOf: former.Position(), Tenant: former, Found: true})
		moved := edit(t, store, ctxs[0], moveTo("db://new"))
		for range 2 {
			lease := mustGet(t, p, moved)
			lease.Release()
		}
		if n := s.opened(former.ID); n != 1 {
			t.Errorf("%d opens", n)
		}
	})
}

// A request that knows a new key is a reason to open again, too.
func TestBreakerAndTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 1)
		source := &late{Source: store}
		s := newServer(t, 1)
		p := newPool(t, source, s)
		s.fail(idOf(ctxs[0]), errDown)
		if _, err := p.Get(ctxs[0]); !errors.Is(err, tenantpool.ErrOpen) {
			t.Error(err)
		}
		source.is.Store(true)
		s.fail(idOf(ctxs[0]), nil)
		lease := mustGet(t, p, edit(t, store, ctxs[0], moveTo("db://new")))
		lease.Release()
	})
}
