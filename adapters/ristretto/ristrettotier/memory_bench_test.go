package ristrettotier

import (
	"runtime"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// BenchmarkMemory reports how many bytes of the heap a cached tenant takes under its
// identifier, beside a pointer to one in a bare ristretto. Its texts, of about 150
// bytes, are a part of both; ristretto's counters of frequencies are not.
func BenchmarkMemory(b *testing.B) {
	tenant := func(i int) tenancy.Tenant {
		e := entry(slug(i), 1)
		t := e.Versioned.Tenant
		t.ID, t.Identifier, t.Name = tenancy.NewID(), strings.Clone(t.Identifier), strings.Repeat("x", 100)
		return t
	}
	var ours, bares float64
	for b.Loop() {
		c := newTestCache(b)
		ours = perTenant(func(i int) {
			t := tenant(i)
			e := entry(tenancy.IdentifierKey(t.Identifier), 1)
			e.Versioned.Tenant = t
			c.Put(e)
		})
		runtime.KeepAlive(c)
		cache := bare[*tenancy.Tenant](b)
		bares = perTenant(func(i int) {
			t := tenant(i)
			cache.Set(t.Identifier, &t, 1)
			cache.Wait()
		})
		runtime.KeepAlive(cache)
	}
	b.ReportMetric(ours, "B/tenant")
	b.ReportMetric(bares, "B/bare-tenant")
	b.ReportMetric(ours/bares, "x-bare")
}

// perTenant returns how much the heap grows with each tenant that add caches.
func perTenant(add func(i int)) float64 {
	before := heap()
	for i := range DefaultMaxEntries {
		add(i)
	}
	return float64(heap()-before) / DefaultMaxEntries
}
