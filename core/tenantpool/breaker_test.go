package tenantpool_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenantpool"
)

// After a failed open, the tenant's next one comes later and later; others are not concerned.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 2)
		s := newServer(t, 1)
		p := newPool(t, store, s)
		id := idOf(ctxs[0])
		s.fail(id, errDown)
		for n, pause := range []int{1, 2, 4, 8, 16, 30, 30} {
			pause := time.Duration(pause) * time.Second
			for _, later := range []time.Duration{0, pause - time.Nanosecond} {
				time.Sleep(later)
				_, err := p.Get(ctxs[0])
				if !errors.Is(err, tenantpool.ErrOpen) || !errors.Is(err, errDown) || !errors.Is(err, tenancy.ErrUnavailable) || s.opened(id) != n+1 {
					t.Errorf("%v after %d opens, want %d", err, s.opened(id), n+1)
				}
			}
			time.Sleep(time.Nanosecond)
		}
		if st := p.State(); st.Failing != 1 || st.OpenFailures != 7 || st.Failed != 14 || st.Opening+st.Draining != 0 {
			t.Errorf("%+v", st)
		}
		lease := mustGet(t, p, ctxs[1])
		lease.Release()
		s.fail(id, nil)
		lease = mustGet(t, p, ctxs[0])
		lease.Release()
		if p.State().Failing != 0 {
			t.Errorf("%+v", p.State())
		}
	})
}

// A change of the key is a reason to try again at once.
func TestBreakerAndChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 1)
		s := newServer(t, 1)
		p := newPool(t, store, s)
		id := idOf(ctxs[0])
		s.fail(id, errDown)
		if _, err := p.Get(ctxs[0]); !errors.Is(err, tenantpool.ErrOpen) {
			t.Error(err)
		}
		s.fail(id, nil)
		edit(t, store, ctxs[0], func(t *tenancy.Tenant) { t.Name = "Other" })
		synctest.Wait()
		if _, err := p.Get(ctxs[0]); !errors.Is(err, tenantpool.ErrOpen) {
			t.Errorf("after a change that does not matter: %v", err)
		}
		edit(t, store, ctxs[0], moveTo("db://new"))
		synctest.Wait()
		lease := mustGet(t, p, ctxs[0])
		lease.Release()
	})
}

// Nothing is kept for ever of tenants that nobody asks for.
func TestFailuresAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 1)
		s := newServer(t, 1)
		p := newPool(t, store, s)
		s.fail(idOf(ctxs[0]), errDown)
		if _, err := p.Get(ctxs[0]); !errors.Is(err, tenantpool.ErrOpen) {
			t.Error(err)
		}
		time.Sleep(2 * time.Minute)
		if p.State().Failing != 0 {
			t.Errorf("%+v", p.State())
		}
	})
}

// An open ends in time, and a panic fails the tenant's open alone.
func TestOpenThatDoesNotReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 2)
		s := newServer(t, 1)
		p := newPool(t, store, s, tenantpool.WithOpenTimeout(time.Second))
		s.gate(idOf(ctxs[0]))
		begun := time.Now()
		if _, err := p.Get(ctxs[0]); !errors.Is(err, tenantpool.ErrOpen) || time.Since(begun) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		panics, err := tenantpool.New(store, func(context.Context, tenancy.Tenant) (int, error) { panic("canary") },
			nil, tenantpool.WithMax(1), tenantpool.WithLogger(nil))
		if err != nil {
			t.Fatal(err)
		}
		closing(t, panics)
		for _, ctx := range ctxs {
			if _, err := panics.Get(ctx); !errors.Is(err, tenantpool.ErrOpen) {
				t.Error(err)
			}
		}
	})
}
