package tenantpool_test

import (
	"sync"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestGetDoesNotAllocate(t *testing.T) {
	store, ctxs := newStore(t, 1)
	p := newPool(t, store, newServer(t, 1))
	lease := mustGet(t, p, ctxs[0])
	lease.Release()
	if n := testing.AllocsPerRun(1000, func() {
		lease, err := p.Get(ctxs[0])
		if err != nil {
			t.Error(err)
		}
		defer lease.Release()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkGet compares Get and Release of an open resource with a map and a mutex.
func BenchmarkGet(b *testing.B) {
	store, ctxs := newStore(b, 50)
	p := newPool(b, store, newServer(b, 50))
	var mu sync.Mutex
	conns := map[string]*conn{}
	for _, ctx := range ctxs {
		lease := mustGet(b, p, ctx)
		conns[idOf(ctx)] = lease.Resource()
		lease.Release()
	}
	b.Run("map", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			t, _ := tenancy.FromContext(ctxs[i%len(ctxs)])
			mu.Lock()
			c := conns[t.ID]
			mu.Unlock()
			if c == nil {
				b.Fatal("no resource")
			}
		}
	})
	b.Run("pool", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			lease, err := p.Get(ctxs[i%len(ctxs)])
			if err != nil || lease.Resource() == nil {
				b.Fatal(err)
			}
			lease.Release()
		}
	})
}
