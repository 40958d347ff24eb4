package ristrettotier_test

import (
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/conformance/tiertest"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// The contract of a cache, without a tier.
func TestCacheContract(t *testing.T) {
	for name, opts := range map[string][]ristrettotier.Option{
		"entries": nil,
		"bytes":   {ristrettotier.WithMaxBytes(64 << 20)},
	} {
		t.Run(name, func(t *testing.T) {
			tiertest.RunLocal(t, tiertest.LocalHarness{Open: func(tb testing.TB) tier.LocalCache {
				c, err := ristrettotier.NewCache(opts...)
				if err != nil {
					tb.Fatal(err)
				}
				return c
			}})
		})
	}
}

// A cache that holds everything, and one that holds hardly anything and evicts all
// the time.
func TestConformance(t *testing.T) {
	for name, opts := range map[string][]ristrettotier.Option{
		"default": nil,
		"tiny":    {ristrettotier.WithMaxEntries(3), ristrettotier.WithMaxNegatives(2)},
	} {
		t.Run(name, func(t *testing.T) { storetest.Run(t, harness(opts...)) })
	}
}

// In front of a shared cache, whose stack it joins; it counts bytes.
func TestConformanceStacked(t *testing.T) {
	storetest.Run(t, harnessOver(func(tb testing.TB, next tenancy.Store) tenancy.Store {
		shared, err := tier.New(next, tier.Shared(faults.NewServer().Open()), busy()...)
		if err != nil {
			tb.Fatal(err)
		}
		s, err := ristrettotier.New(shared, ristrettotier.WithMaxBytes(8<<10))
		if err != nil {
			tb.Fatal(err)
		}
		return s
	}))
}

func harness(opts ...ristrettotier.Option) storetest.Harness {
	return harnessOver(func(tb testing.TB, next tenancy.Store) tenancy.Store { return over(tb, next, opts...) })
}

func harnessOver(over func(testing.TB, tenancy.Store) tenancy.Store) storetest.Harness {
	return storetest.Harness{
		Open: func(tb testing.TB) tenancy.Store { return over(tb, memstore.New()) },
		OpenSoftDelete: func(tb testing.TB) tenancy.Store {
			return over(tb, memstore.New(memstore.WithSoftDelete()))
		},
		OpenChecked: func(tb testing.TB, check func(tenancy.Metadata) error) tenancy.Store {
			return over(tb, memstore.New(memstore.WithMetadataCheck(check)))
		},
		OpenNames: func(tb testing.TB, o storetest.NameOptions) tenancy.Store {
			return over(tb, memstore.New(memstore.WithClaimLifetime(o.ClaimLifetime), memstore.WithKeepFormer(o.KeepFormer)))
		},
		Source: true,
		Compact: func(tb testing.TB, s tenancy.Store, revision tenancy.Revision) {
			database(tb, s).Compact(revision)
		},
		Backup: func(tb testing.TB, s tenancy.Store) func(testing.TB) {
			m := database(tb, s)
			backup := m.Backup()
			return func(testing.TB) { m.Restore(backup) }
		},
		Peer: func(tb testing.TB, s tenancy.Store) tenancy.Store {
			return over(tb, peer{database(tb, s)})
		},
	}
}

// peer is a second handle on a store in memory: closing it leaves the store
// open.
type peer struct{ *memstore.Store }

func (peer) Close() error { return nil }

func over(tb testing.TB, next tenancy.Store, opts ...ristrettotier.Option) *tier.Store {
	tb.Helper()
	s, err := ristrettotier.New(next, append([]ristrettotier.Option{ristrettotier.WithTier(busy()...)}, opts...)...)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// busy are options for a machine that may be.
func busy() []tier.Option {
	return []tier.Option{tier.WithLoadTimeout(time.Minute), tier.WithFollowTimeout(time.Minute)}
}

// database returns the store in memory under the caches.
func database(tb testing.TB, s tenancy.Store) *memstore.Store {
	tb.Helper()
	stack, ok := tier.Of(s)
	if !ok {
		tb.Fatalf("%T is no stack", s)
	}
	m, ok := stack.Next.(*memstore.Store)
	if !ok {
		tb.Fatalf("there is a %T under the caches", stack.Next)
	}
	return m
}
