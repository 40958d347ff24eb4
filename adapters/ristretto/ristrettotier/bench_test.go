package ristrettotier

import (
	"context"
	"testing"

	"github.com/dgraph-io/ristretto/v2"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

const benchTenants = 1_000

// BenchmarkHit compares lookups of 1,000 tenants in turn, by one goroutine and by
// GOMAXPROCS: a bare ristretto as its own documentation sets it up, with string
// keys and tenants as values; this cache; and the whole tier.
func BenchmarkHit(b *testing.B) {
	s, c := newTestTier(b, memstore.New())
	ts := fill(b, s, benchTenants)
	bare, err := ristretto.NewCache(&ristretto.Config[string, *tenancy.Tenant]{
		MaxCost: DefaultMaxEntries, NumCounters: countersPerEntry * DefaultMaxEntries,
		BufferItems: getsBatched, IgnoreInternalCost: true,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(bare.Close)
	ctx := context.Background()
	for _, t := range ts {
		bare.Set(t.Identifier, &t, 1)
		for _, key := range []tenancy.Key{tenancy.IDKey(t.ID), tenancy.IdentifierKey(t.Identifier)} {
			if _, err := s.Load(ctx, []tenancy.Lookup{{Key: key}}); err != nil {
				b.Fatal(err)
			}
		}
	}
	bare.Wait()
	run(b, "ristretto", func(i int) bool { t, ok := bare.Get(ts[i].Identifier); return ok && t.ID == ts[i].ID })
	run(b, "ristretto-copy", func(i int) bool { t, ok := copied(bare, ts[i].Identifier); return ok && t.ID == ts[i].ID })
	run(b, "cache", func(i int) bool {
		r, _ := c.Get(ctx, tenancy.IdentifierKey(ts[i].Identifier))
		return r.Entry != nil
	})
	run(b, "tier-identifier", func(i int) bool {
		t, err := s.GetByIdentifier(ctx, ts[i].Identifier)
		return err == nil && t.ID == ts[i].ID
	})
	run(b, "tier-id", func(i int) bool { t, err := s.GetByID(ctx, ts[i].ID); return err == nil && t.ID == ts[i].ID })
	if st := s.Stats(); st.Misses > 2*benchTenants {
		b.Errorf("%+v: hits were to be measured", st)
	}
}

// copied returns a tenant by value, as a store must.
//
//go:noinline
func copied(c *ristretto.Cache[string, *tenancy.Tenant], identifier string) (tenancy.Tenant, bool) {
	t, ok := c.Get(identifier)
	if !ok {
		return tenancy.Tenant{}, false
	}
	return *t, true
}

func run(b *testing.B, name string, lookup func(i int) bool) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if !lookup(i % benchTenants) {
				b.Fatal("a miss")
			}
		}
	})
	b.Run(name+"/parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if !lookup(i % benchTenants) {
					b.Error("a miss")
					return
				}
			}
		})
	})
}

// BenchmarkPut compares a fill with a bare Set, which returns before it is done,
// and with a Set and a Wait.
func BenchmarkPut(b *testing.B) {
	bare, err := ristretto.NewCache(&ristretto.Config[string, *tier.Entry]{
		MaxCost: DefaultMaxEntries, NumCounters: countersPerEntry * DefaultMaxEntries,
		BufferItems: getsBatched, IgnoreInternalCost: true,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(bare.Close)
	c := newTestCache(b)
	es := make([]*tier.Entry, 2*DefaultMaxEntries)
	for i := range es {
		es[i] = entry(slug(i), 1)
	}
	b.Run("ristretto-set", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			e := es[i%len(es)]
			bare.Set(e.Key.Value, e, 1)
		}
	})
	b.Run("ristretto-set-wait", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			e := es[i%len(es)]
			bare.Set(e.Key.Value, e, 1)
			bare.Wait()
		}
	})
	b.Run("cache", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			put(b, c, es[i%len(es)])
		}
	})
}
