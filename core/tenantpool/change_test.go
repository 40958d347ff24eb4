package tenantpool_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenantpool"
)

// A tenant that moves gets another resource at once; the former is closed when it was given back.
func TestMovedTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 1)
		s := newServer(t, 2)
		p := newPool(t, store, s)
		before := mustGet(t, p, ctxs[0])
		c := before.Resource()
		edit(t, store, ctxs[0], func(t *tenancy.Tenant) { t.Name = "Other" })
		synctest.Wait()
		if isDone(&before) {
			t.Error("a renamed tenant needs no other resource")
		}
		now := edit(t, store, ctxs[0], moveTo("db://new"))
		synctest.Wait()
		if !isDone(&before) || s.isClosed(c) {
			t.Errorf("the former resource should be given back, and is not closed before")
		}
		for _, ctx := range []context.Context{ctxs[0], now} { // the request may have begun before
			lease := mustGet(t, p, ctx)
			if url := lease.Resource().url; url != "db://new" || isDone(&lease) {
				t.Errorf("a lease on %s", url)
			}
			lease.Release()
		}
		before.Release()
		synctest.Wait()
		if st := p.State(); !s.isClosed(c) || st.Changed != 1 || st.Forced != 0 || st.Idle != 1 {
			t.Errorf("%+v", st)
		}
	})
}

// A resource that is not given back is closed after WithDrain.
func TestDrainIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 1)
		s := newServer(t, 1)
		p := newPool(t, store, s, tenantpool.WithDrain(time.Minute))
		kept := mustGet(t, p, ctxs[0])
		edit(t, store, ctxs[0], moveTo("db://new"))
		synctest.Wait()
		begun := time.Now()
		lease := mustGet(t, p, ctxs[0]) // for which there is no room before
		if d := time.Since(begun); d != time.Minute || !s.isClosed(kept.Resource()) {
			t.Errorf("after %v", d)
		}
		if st := p.State(); st.Forced != 1 || st.Leased != 1 || st.Draining != 0 {
			t.Errorf("%+v", st)
		}
		kept.Release()
		lease.Release()
		if st := p.State(); st.Idle != 1 || st.Draining != 0 {
			t.Errorf("%+v", st)
		}
	})
}

func TestSuspendedTenant(t *testing.T) {
	for name, end := range map[string]func(t testing.TB, store *memstore.Store, ctx context.Context){
		"suspended": func(t testing.TB, store *memstore.Store, ctx context.Context) {
			edit(t, store, ctx, status(tenancy.StatusSuspended))
		},
		"deleted": func(t testing.TB, store *memstore.Store, ctx context.Context) {
			if err := store.Delete(ctx, idOf(ctx)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, ctxs := newStore(t, 1)
				s := newServer(t, 1)
				p := newPool(t, store, s)
				lease := mustGet(t, p, ctxs[0])
				c := lease.Resource()
				end(t, store, ctxs[0])
				synctest.Wait()
				for range 2 {
					if _, err := p.Get(ctxs[0]); !errors.Is(err, resolve.ErrNotServed) || errors.Is(err, tenancy.ErrUnavailable) {
						t.Errorf("Get: %v", err)
					}
				}
				if !isDone(&lease) || s.opened(c.id) != 1 || p.State().NotServed != 1 || p.State().Refused != 2 {
					t.Errorf("%d opens, %+v", s.opened(c.id), p.State())
				}
				lease.Release()
				synctest.Wait()
				if !s.isClosed(c) {
					t.Error("it is not closed")
				}
				if name == "suspended" {
					lease := mustGet(t, p, edit(t, store, ctxs[0], status(tenancy.StatusActive)))
					lease.Release()
				}
			})
		})
	}
}

// Who knows only a former tenant gets nothing of the one that has its ID now, and disturbs
// it not.
func TestTenantWithTheIDOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 1)
		s := newServer(t, 1)
		p := newPool(t, store, s)
		former := tenancy.MustFromContext(ctxs[0])
		if err := store.Purge(t.Context(), former.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		now, err := store.Create(t.Context(), tenancy.Tenant{ID: former.ID, Identifier: "other", Name: "Other"})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // before there is a resource, and after
			if _, err := p.Get(ctxs[0]); !errors.Is(err, resolve.ErrNotServed) {
				t.Errorf("the former tenant: %v", err)
			}
			lease := mustGet(t, p, tenancy.NewContext(t.Context(), now))
			lease.Release()
		}
		if s.opened(now.ID) != 1 {
			t.Errorf("%d opens", s.opened(now.ID))
		}
	})
}

// late is a source whose log says nothing new.
type late struct {
	tenancy.Source
	is atomic.Bool
}

func (l *late) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	if l.is.Load() {
		return nil, nil
	}
	return l.Source.Changes(ctx, after, limit)
}

func (l *late) Wait(ctx context.Context, _ tenancy.Position) error {
	t := time.NewTimer(time.Second)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A request may know more than the pool, which has not read the log that far.
func TestTheContextMayKnowMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 1)
		source := &late{Source: store}
		s := newServer(t, 1)
		p := newPool(t, source, s)
		lease := mustGet(t, p, ctxs[0])
		lease.Release()
		time.Sleep(2 * time.Second)
		source.is.Store(true)
		renamed := edit(t, store, ctxs[0], func(t *tenancy.Tenant) { t.Name = "Other" })
		lease = mustGet(t, p, renamed)
		lease.Release()
		if s.opened(idOf(renamed)) != 1 {
			t.Error("a renamed tenant needs no other resource")
		}
		moved := edit(t, store, ctxs[0], moveTo("db://new"))
		lease = mustGet(t, p, moved)
		if lease.Resource().url != "db://new" {
			t.Errorf("a lease on %s", lease.Resource().url)
		}
		lease.Release()
		suspended := edit(t, store, ctxs[0], status(tenancy.StatusSuspended))
		for range 2 {
			if _, err := p.Get(suspended); !errors.Is(err, resolve.ErrNotServed) {
				t.Errorf("Get: %v", err)
			}
		}
	})
}

// What changes while a resource is opened is not missed.
func TestMovedDuringTheOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 2)
		s := newServer(t, 2)
		p := newPool(t, store, s)
		for i, change := range []func(*tenancy.Tenant){moveTo("db://new"), status(tenancy.StatusSuspended)} {
			ignored := make(chan struct{}) // also an open that ignores the end of its context
			s.mu.Lock()
			s.gates[idOf(ctxs[i])] = ignored
			s.mu.Unlock()
			got := make(chan error)
			go func() {
				lease, err := p.Get(ctxs[i])
				if err == nil && lease.Resource().url != "db://new" {
					t.Errorf("a lease on %s", lease.Resource().url)
				}
				lease.Release()
				got <- err
			}()
			synctest.Wait()
			s.mu.Lock()
			delete(s.gates, idOf(ctxs[i]))
			s.mu.Unlock()
			edit(t, store, ctxs[i], change)
			err := <-got
			if i == 0 && err != nil || i == 1 && !errors.Is(err, resolve.ErrNotServed) {
				t.Errorf("Get: %v", err)
			}
			close(ignored)
		}
	})
}

// blind is a source whose log cannot be read.
type blind struct {
	tenancy.Source
	is atomic.Bool
}

func (b *blind) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	if b.is.Load() {
		return nil, tenancy.ErrUnavailable
	}
	return b.Source.Changes(ctx, after, limit)
}

func TestMaxStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 1)
		source := &blind{Source: store}
		s := newServer(t, 1)
		p := newPool(t, source, s, tenantpool.WithMaxStale(time.Minute), tenantpool.WithIdle(-1))
		lease := mustGet(t, p, ctxs[0])
		lease.Release()
		source.is.Store(true)
		time.Sleep(50 * time.Second)
		lease = mustGet(t, p, ctxs[0])
		lease.Release()
		time.Sleep(20 * time.Second)
		if _, err := p.Get(ctxs[0]); !errors.Is(err, tenancy.ErrUnavailable) || p.State().Stale != 1 || s.conns != 0 {
			t.Errorf("Get: %v, %+v", err, p.State())
		}
		source.is.Store(false)
		time.Sleep(10 * time.Second)
		lease = mustGet(t, p, ctxs[0])
		lease.Release()
	})
}

// When the store is closed first, nothing is served.
func TestTheStoreIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 1)
		s := newServer(t, 1)
		p := newPool(t, store, s)
		lease := mustGet(t, p, ctxs[0])
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		<-lease.Done()
		lease.Release()
		synctest.Wait()
		if _, err := p.Get(ctxs[0]); !errors.Is(err, tenancy.ErrUnavailable) || s.conns != 0 {
			t.Errorf("Get: %v, and there are %d resources", err, s.conns)
		}
	})
}
