package storetest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// RunDecorator runs the suite against stores in memory under a decorator that must
// leave them every capability: twice, around a stack of caches, and over a store that is
// no Source. So it meets a store, a cache and itself on either side. A batch of tenants
// must reach the store as one.
func RunDecorator(t *testing.T, wrap func(tenancy.Store) tenancy.Store) {
	t.Helper()
	local := func(tb testing.TB, s tenancy.Store) tenancy.Store {
		return newTier(tb, s, tier.Local(faults.NewLocal()))
	}
	shared := func(tb testing.TB, s tenancy.Store) tenancy.Store {
		return newTier(tb, s, tier.Shared(faults.NewServer().Open()))
	}
	for name, stack := range map[string]func(testing.TB, tenancy.Store) tenancy.Store{
		"twice":             func(_ testing.TB, s tenancy.Store) tenancy.Store { return wrap(wrap(s)) },
		"around two caches": func(tb testing.TB, s tenancy.Store) tenancy.Store { return wrap(local(tb, shared(tb, wrap(s)))) },
	} {
		t.Run(name, func(t *testing.T) {
			Run(t, Harness{
				Open: func(tb testing.TB) tenancy.Store { return stack(tb, memstore.New()) },
				OpenSoftDelete: func(tb testing.TB) tenancy.Store {
					return stack(tb, memstore.New(memstore.WithSoftDelete()))
				},
				OpenChecked: func(tb testing.TB, check func(tenancy.Metadata) error) tenancy.Store {
					return stack(tb, memstore.New(memstore.WithMetadataCheck(check)))
				},
				OpenNames: func(tb testing.TB, opts NameOptions) tenancy.Store { return stack(tb, memoryWithNames(opts)) },
				Source:    true,
				Compact:   func(tb testing.TB, s tenancy.Store, r tenancy.Revision) { bottom(tb, s).Compact(r) },
				Backup: func(tb testing.TB, s tenancy.Store) func(testing.TB) {
					m := bottom(tb, s)
					backup := m.Backup()
					return func(testing.TB) { m.Restore(backup) }
				},
			})
		})
	}
	t.Run("batches", func(t *testing.T) { forwardsBatches(t, wrap) })
	t.Run("without a source", func(t *testing.T) {
		hidden := func(opts ...memstore.Option) func(testing.TB) tenancy.Store {
			return func(testing.TB) tenancy.Store { return wrap(sourceless{memstore.New(opts...)}) }
		}
		Run(t, Harness{
			Open: hidden(), OpenSoftDelete: hidden(memstore.WithSoftDelete()),
			OpenNames: func(_ testing.TB, opts NameOptions) tenancy.Store { return wrap(sourceless{memoryWithNames(opts)}) },
		})
	})
}

// sourceless is a store without a log.
type sourceless struct{ tenancy.Store }

func (s sourceless) HasNames() bool { return tenancy.HasNames(s.Store) }

// memoryWithNames returns a store in memory with these options.
func memoryWithNames(opts NameOptions) *memstore.Store {
	return memstore.New(memstore.WithClaimLifetime(opts.ClaimLifetime), memstore.WithKeepFormer(opts.KeepFormer))
}

// batchCounter counts the batches that reach it.
type batchCounter struct {
	*memstore.Store
	batches int
}

func (c *batchCounter) CreateBatch(ctx context.Context, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	c.batches++
	return c.Store.CreateBatch(ctx, ts)
}

// forwardsBatches fails if a decorator takes a batch apart into one Create for each
// tenant, which no result shows.
func forwardsBatches(tb testing.TB, wrap func(tenancy.Store) tenancy.Store) {
	tb.Helper()
	below := &batchCounter{Store: memstore.New()}
	s := wrap(below)
	results, err := s.CreateBatch(tb.Context(), []tenancy.Tenant{tenant(1), tenant(2), tenant(3)})
	if err != nil || len(results) != 3 || below.batches != 1 {
		tb.Errorf("a batch of three tenants reached the store as %d batches, with %d results, %v", below.batches, len(results), err)
	}
	if err := s.Close(); err != nil {
		tb.Error(err)
	}
}

func newTier(tb testing.TB, next tenancy.Store, cache tier.Cache) *tier.Store {
	tb.Helper()
	var opts []tier.Option
	if _, joins := tier.Of(next); !joins {
		opts = append(opts, tier.WithLogger(slog.New(slog.DiscardHandler)),
			tier.WithLoadTimeout(time.Minute), tier.WithFollowTimeout(time.Minute)) // the machine may be busy
	}
	s, err := tier.New(next, cache, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// bottom returns the store in memory under everything, which a decorator leads to by
// its method Below.
func bottom(tb testing.TB, s tenancy.Store) *memstore.Store {
	tb.Helper()
	for {
		if m, ok := s.(*memstore.Store); ok {
			return m
		}
		decorator, ok := s.(interface{ Below() tenancy.Store })
		if !ok {
			tb.Fatalf("there is a %T at the bottom", s)
		}
		s = decorator.Below()
	}
}
