package tenantpool_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenantpool"
)

func TestGet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 2)
		s := newServer(t, 2)
		p := newPool(t, store, s)
		if _, err := p.Get(t.Context()); !errors.Is(err, resolve.ErrAbsent) {
			t.Errorf("without a tenant: %v", err)
		}
		first, second, other := mustGet(t, p, ctxs[0]), mustGet(t, p, ctxs[0]), mustGet(t, p, ctxs[1])
		if first.Resource() != second.Resource() || first.Resource() == other.Resource() {
			t.Error("a tenant has one resource, and of its own")
		}
		first.Release()
		first.Release() // has no effect
		if st := p.State(); st.Leased != 2 || st.Idle != 0 || st.Hits != 1 || st.Waited != 2 || st.Opened != 2 {
			t.Errorf("%+v", st)
		}
		second.Release()
		if st := p.State(); st.Leased != 1 || st.Idle != 1 {
			t.Errorf("%+v", st)
		}
		other.Release()
	})
}

// Many wait for one open, each as long as its own context allows.
func TestOneOpenForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 1)
		s := newServer(t, 1)
		p := newPool(t, store, s)
		goOn := s.gate(idOf(ctxs[0]))
		short, cancel := context.WithTimeout(ctxs[0], time.Second)
		defer cancel()
		var waiting sync.WaitGroup
		for range 50 {
			waiting.Go(func() {
				lease := mustGet(t, p, ctxs[0])
				lease.Release()
			})
		}
		begun := time.Now()
		if _, err := p.Get(short); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		goOn()
		waiting.Wait()
		if st := p.State(); s.opened(idOf(ctxs[0])) != 1 || st.Waited != 50 || st.Idle != 1 {
			t.Errorf("%d opens, %+v", s.opened(idOf(ctxs[0])), st)
		}
	})
}

// An open for which nobody waits any more goes on for the next caller.
func TestAnOpenGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 1)
		s := newServer(t, 1)
		p := newPool(t, store, s)
		goOn := s.gate(idOf(ctxs[0]))
		short, cancel := context.WithTimeout(ctxs[0], time.Second)
		defer cancel()
		if _, err := p.Get(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		goOn()
		synctest.Wait()
		lease := mustGet(t, p, ctxs[0])
		lease.Release()
		if st := p.State(); s.opened(idOf(ctxs[0])) != 1 || st.Hits != 1 {
			t.Errorf("%d opens, %+v", s.opened(idOf(ctxs[0])), st)
		}
	})
}

func TestNobodyWaitsForTheOpenOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 2)
		s := newServer(t, 2)
		p := newPool(t, store, s)
		goOn := s.gate(idOf(ctxs[0]))
		slow := make(chan struct{})
		go func() {
			defer close(slow)
			lease := mustGet(t, p, ctxs[0])
			lease.Release()
		}()
		synctest.Wait()
		begun := time.Now()
		for range 2 {
			lease := mustGet(t, p, ctxs[1])
			lease.Release()
		}
		if took := time.Since(begun); took != 0 {
			t.Errorf("it took %v", took)
		}
		goOn()
		<-slow
	})
}

// To make room, the resource is closed that was unused for the longest time.
func TestRoomIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 4)
		s := newServer(t, 3)
		p := newPool(t, store, s)
		inUse := mustGet(t, p, ctxs[0])
		for _, i := range []int{1, 2, 1} {
			lease := mustGet(t, p, ctxs[i])
			lease.Release()
		}
		lease := mustGet(t, p, ctxs[3])
		if len(s.closed) != 1 || s.closed[0].id != idOf(ctxs[2]) {
			t.Errorf("closed: %v", s.closed)
		}
		lease.Release()
		inUse.Release()
		if st := p.State(); st.Evicted != 1 || st.Idle != 3 {
			t.Errorf("%+v", st)
		}
		for range 3 { // again and again
			for _, ctx := range ctxs {
				lease := mustGet(t, p, ctx)
				lease.Release()
			}
		}
	})
}

// Where all are in use, Get waits its turn.
func TestRoomIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 5)
		s := newServer(t, 1)
		p := newPool(t, store, s)
		first := mustGet(t, p, ctxs[0])
		var order []string
		var waiting sync.WaitGroup
		for _, ctx := range ctxs[1:4] {
			waiting.Go(func() {
				lease := mustGet(t, p, ctx)
				order = append(order, lease.Resource().id)
				lease.Release()
			})
			synctest.Wait()
		}
		short, cancel := context.WithTimeout(ctxs[4], time.Second)
		defer cancel()
		_, err := p.Get(short)
		if !errors.Is(err, tenantpool.ErrExhausted) || !errors.Is(err, context.DeadlineExceeded) || !resolve.IsOutage(err) {
			t.Error(err)
		}
		if st := p.State(); st.Waiting != 3 || st.Exhausted != 1 || st.Leased != 1 {
			t.Errorf("%+v", st)
		}
		begun := time.Now()
		first.Release()
		waiting.Wait()
		if d := time.Since(begun); d != 0 {
			t.Errorf("it took %v", d)
		}
		if want := []string{idOf(ctxs[1]), idOf(ctxs[2]), idOf(ctxs[3])}; !slices.Equal(order, want) {
			t.Errorf("in the order %v, want %v", order, want)
		}
		synctest.Wait()
		if st := p.State(); st.Idle != 1 || s.opened(idOf(ctxs[4])) != 0 {
			t.Errorf("%+v: room is made for nobody", st)
		}
	})
}

func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 2)
		s := newServer(t, 2)
		p := newPool(t, store, s, tenantpool.WithIdle(time.Minute))
		inUse := mustGet(t, p, ctxs[0])
		for range 10 { // often enough
			lease := mustGet(t, p, ctxs[1])
			lease.Release()
			time.Sleep(59 * time.Second)
		}
		unused := time.Now()
		lease := mustGet(t, p, ctxs[1])
		c := lease.Resource()
		lease.Release()
		if s.opened(c.id) != 1 {
			t.Errorf("%d opens", s.opened(c.id))
		}
		for !s.isClosed(c) {
			time.Sleep(time.Second)
		}
		if d := time.Since(unused); d < time.Minute || d > 91*time.Second {
			t.Errorf("closed after %v", d)
		}
		if st := p.State(); st.IdleEnded != 1 || st.Leased != 1 {
			t.Errorf("%+v", st)
		}
		inUse.Release()
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 4)
		s := newServer(t, 3)
		p := newPool(t, store, s)
		lease, long := mustGet(t, p, ctxs[0]), mustGet(t, p, ctxs[1])
		s.gate(idOf(ctxs[2]))
		for _, ctx := range ctxs[2:] { // one is being opened, and for one there is no room
			go func() {
				if _, err := p.Get(ctx); !errors.Is(err, tenancy.ErrClosed) {
					t.Errorf("a Get that waits: %v", err)
				}
			}()
			synctest.Wait()
		}
		synctest.Wait()
		begun := time.Now()
		go func() {
			<-lease.Done()
			time.Sleep(time.Second)
			if s.isClosed(lease.Resource()) {
				t.Error("it is closed while it is in use")
			}
			lease.Release()
			long.Release()
		}()
		if err := p.Close(); err != nil || time.Since(begun) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		if _, err := p.Get(ctxs[1]); !errors.Is(err, tenancy.ErrClosed) {
			t.Errorf("Get after Close: %v", err)
		}
		if st := p.State(); s.conns != 0 || st.Leased+st.Idle+st.Opening+st.Draining+st.Waiting != 0 {
			t.Errorf("%d resources, %+v", s.conns, st)
		}
	})
}

// A resource that cannot be closed keeps its place, and does not keep the program.
func TestCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctxs := newStore(t, 2)
		stuck := make(chan struct{})
		open := func(context.Context, tenancy.Tenant) (int, error) { return 1, nil }
		p, err := tenantpool.New(store, open, func(int) error { <-stuck; return nil }, tenantpool.WithMax(1), tenantpool.WithLogger(nil))
		if err != nil {
			t.Fatal(err)
		}
		lease, err := p.Get(ctxs[0])
		if err != nil {
			t.Fatal(err)
		}
		lease.Release()
		short, cancel := context.WithTimeout(ctxs[1], time.Second)
		defer cancel()
		if _, err := p.Get(short); !errors.Is(err, tenantpool.ErrExhausted) || p.State().Draining != 1 {
			t.Errorf("%v, %+v", err, p.State())
		}
		begun := time.Now()
		if err := p.Close(); err == nil || !strings.Contains(err.Error(), "1 resource") || time.Since(begun) > 61*time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		close(stuck)
		if err := p.Close(); err != nil {
			t.Errorf("the second Close: %v", err)
		}
	})
}

func TestArguments(t *testing.T) {
	store, _ := newStore(t, 0)
	s := newServer(t, 1)
	for name, opt := range map[string]tenantpool.Option{
		"nil": nil, "max": tenantpool.WithMax(0), "idle": tenantpool.WithIdle(0), "drain": tenantpool.WithDrain(-1),
		"open timeout": tenantpool.WithOpenTimeout(0), "key": tenantpool.WithKey(nil), "served": tenantpool.WithServed(),
		"unknown status": tenantpool.WithServed("archived"), "stale": tenantpool.WithMaxStale(0),
	} {
		if p, err := tenantpool.New(store, s.open, s.close, opt); p != nil || !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := tenantpool.New[*conn](store, nil, s.close); !errors.Is(err, tenancy.ErrInvalid) {
		t.Error(err)
	}
	if _, err := tenantpool.New(nil, s.open, s.close); !errors.Is(err, tenancy.ErrInvalid) {
		t.Error(err)
	}
	if _, err := tenantpool.New(struct{ tenancy.Store }{store}, s.open, s.close); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a store that has no change log: %v", err)
	}
	p, err := tenantpool.New(store, s.open, nil) // nothing is to be closed
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
