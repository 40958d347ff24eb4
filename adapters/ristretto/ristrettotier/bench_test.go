package ristrettotier

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dgraph-io/ristretto/v2"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

const benchTenants = 1_000

// BenchmarkHit compares hits of 1,000 tenants by one goroutine and by GOMAXPROCS
// with Get of a bare ristretto as its own documentation sets it up, with string
// keys: of pointers to tenants, and of tenants. A store returns tenants.
func BenchmarkHit(b *testing.B) {
	s, c := newTestTier(b, memstore.New())
	ts := fill(b, s, benchTenants)
	pointers, values := bare[*tenancy.Tenant](b), bare[tenancy.Tenant](b)
	ctx := context.Background()
	domains := make([]string, len(ts))
	for i, t := range ts {
		domains[i] = t.Identifier + ".test"
		if _, err := s.AddDomain(ctx, t.ID, domains[i]); err != nil {
			b.Fatal(err)
		}
		if _, err := s.VerifyDomain(ctx, t.ID, domains[i]); err != nil {
			b.Fatal(err)
		}
	}
	for i, t := range ts {
		pointers.Set(t.Identifier, &t, 1)
		values.Set(t.Identifier, t, 1)
		for _, key := range []tenancy.Key{tenancy.IDKey(t.ID), tenancy.IdentifierKey(t.Identifier), {Kind: tenancy.KindDomain, Value: domains[i]}} {
			if _, err := s.Load(ctx, []tenancy.Lookup{{Key: key}}); err != nil {
				b.Fatal(err)
			}
		}
	}
	pointers.Wait()
	values.Wait()
	baselines := []lookup{
		{"pointer", func(i int) bool { t, ok := pointers.Get(ts[i].Identifier); return ok && t.ID == ts[i].ID }},
		{"value", func(i int) bool { t, ok := values.Get(ts[i].Identifier); return ok && t.ID == ts[i].ID }},
	}
	for _, of := range []lookup{
		{"cache", func(i int) bool {
			return c.Get(tenancy.IdentifierKey(ts[i].Identifier)).Versioned.Tenant.ID == ts[i].ID
		}},
		{"tier-identifier", func(i int) bool {
			t, err := s.GetByIdentifier(ctx, ts[i].Identifier)
			return err == nil && t.ID == ts[i].ID
		}},
		{"tier-domain", func(i int) bool {
			t, err := s.GetByDomain(ctx, domains[i])
			return err == nil && t.ID == ts[i].ID
		}},
		{"tier-id", func(i int) bool { t, err := s.GetByID(ctx, ts[i].ID); return err == nil && t.ID == ts[i].ID }},
	} {
		for _, goroutines := range []int{1, runtime.GOMAXPROCS(0)} {
			b.Run(fmt.Sprintf("%s/goroutines=%d", of.name, goroutines), func(b *testing.B) {
				b.ReportAllocs()
				compare(b, goroutines, of, baselines)
			})
		}
	}
	if st := s.Stats(); st.Local.Misses > 3*benchTenants {
		b.Errorf("%+v: hits were to be measured", st)
	}
}

func bare[V any](b *testing.B) *ristretto.Cache[string, V] {
	b.Helper()
	cache, err := ristretto.NewCache(&ristretto.Config[string, V]{
		MaxCost: DefaultMaxEntries, NumCounters: countersPerEntry * DefaultMaxEntries,
		BufferItems: 64, IgnoreInternalCost: true,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(cache.Close)
	return cache
}

// lookup looks the tenant with a number up, and reports whether it got it.
type lookup struct {
	name string
	hit  func(i int) bool
}

// compare runs rounds of one and the baselines in turns, so that all meet the same
// noise. It reports the median time of a lookup, and the median of its ratio to each
// baseline in the same round.
func compare(b *testing.B, goroutines int, of lookup, baselines []lookup) {
	const rounds = 20_000 // lookups
	var times []float64
	ratios := make([][]float64, len(baselines))
	for b.Loop() {
		took := perLookup(b, goroutines, rounds, of)
		times = append(times, took)
		for i, baseline := range baselines {
			ratios[i] = append(ratios[i], took/perLookup(b, goroutines, rounds, baseline))
		}
	}
	b.ReportMetric(median(times), "ns/op")
	for i, baseline := range baselines {
		b.ReportMetric(median(ratios[i]), "x-"+baseline.name)
	}
}

func perLookup(b *testing.B, goroutines, n int, of lookup) float64 {
	b.Helper()
	var failed atomic.Bool
	var working sync.WaitGroup
	began := time.Now()
	for g := range goroutines {
		working.Go(func() {
			at := g * benchTenants / goroutines
			for range n {
				if at++; at == benchTenants {
					at = 0
				}
				if !of.hit(at) {
					failed.Store(true)
					return
				}
			}
		})
	}
	working.Wait()
	took := time.Since(began)
	if failed.Load() {
		b.Fatalf("%s: a miss", of.name)
	}
	return float64(took.Nanoseconds()) / float64(n*goroutines)
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}

// BenchmarkPut compares a fill with a bare Set, which returns before it is done,
// and with a Set and a Wait.
func BenchmarkPut(b *testing.B) {
	bare, err := ristretto.NewCache(&ristretto.Config[string, *tier.Entry]{
		MaxCost: DefaultMaxEntries, NumCounters: countersPerEntry * DefaultMaxEntries,
		BufferItems: 64, IgnoreInternalCost: true,
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
			c.Put(es[i%len(es)])
		}
	})
}
