package ristrettotier_test

import (
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
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
			tiertest.Run(t, tiertest.Harness{Open: func(tb testing.TB) tier.Cache {
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

// Over another tier of its kind, which has no use but is correct; the outer one
// counts bytes.
func TestConformanceStacked(t *testing.T) {
	h := harness(ristrettotier.WithMaxEntries(10))
	one := h.Open
	h.Open = func(tb testing.TB) tenancy.Store { return over(tb, one(tb), ristrettotier.WithMaxBytes(8<<10)) }
	names := h.OpenNames
	h.OpenNames = func(tb testing.TB, o storetest.NameOptions) tenancy.Store {
		return over(tb, names(tb, o), ristrettotier.WithMaxBytes(8<<10))
	}
	h.Peer = nil // it would need the database below both
	storetest.Run(t, h)
}

func harness(opts ...ristrettotier.Option) storetest.Harness {
	return storetest.Harness{
		Open: func(tb testing.TB) tenancy.Store { return over(tb, memstore.New(), opts...) },
		OpenSoftDelete: func(tb testing.TB) tenancy.Store {
			return over(tb, memstore.New(memstore.WithSoftDelete()), opts...)
		},
		OpenChecked: func(tb testing.TB, check func(tenancy.Metadata) error) tenancy.Store {
			return over(tb, memstore.New(memstore.WithMetadataCheck(check)), opts...)
		},
		OpenNames: func(tb testing.TB, o storetest.NameOptions) tenancy.Store {
			return over(tb, memstore.New(memstore.WithClaimLifetime(o.ClaimLifetime), memstore.WithKeepFormer(o.KeepFormer)), opts...)
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
			return over(tb, peer{database(tb, s)}, opts...)
		},
	}
}

// peer is a second handle on a store in memory: closing it leaves the store
// open.
type peer struct{ *memstore.Store }

func (peer) Close() error { return nil }

func over(tb testing.TB, next tenancy.Store, opts ...ristrettotier.Option) *tier.Store {
	tb.Helper()
	busy := ristrettotier.WithTier(tier.WithLoadTimeout(time.Minute), tier.WithFollowTimeout(time.Minute)) // the machine may be
	s, err := ristrettotier.New(next, append([]ristrettotier.Option{busy}, opts...)...)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// database returns the store in memory under the tiers.
func database(tb testing.TB, s tenancy.Store) *memstore.Store {
	tb.Helper()
	for t := range tier.Walk(s) {
		s = t.Below()
	}
	m, ok := s.(*memstore.Store)
	if !ok {
		tb.Fatalf("there is a %T under the tiers", s)
	}
	return m
}
