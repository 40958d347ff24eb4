package oteltenancy_test

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/otel/oteltenancy"
	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// orders are the ways in which a decorator and tiers stand over a store.
func orders() map[string]func(testing.TB, tenancy.Store) tenancy.Store {
	wrap := func(s tenancy.Store) tenancy.Store { return oteltenancy.Wrap(s) }
	return map[string]func(testing.TB, tenancy.Store) tenancy.Store{
		"decorator":                   func(_ testing.TB, s tenancy.Store) tenancy.Store { return wrap(s) },
		"decorator, decorator":        func(_ testing.TB, s tenancy.Store) tenancy.Store { return wrap(wrap(s)) },
		"decorator, tier":             func(tb testing.TB, s tenancy.Store) tenancy.Store { return wrap(local(tb, s)) },
		"tier, decorator":             func(tb testing.TB, s tenancy.Store) tenancy.Store { return local(tb, wrap(s)) },
		"decorator, tier, tier":       func(tb testing.TB, s tenancy.Store) tenancy.Store { return wrap(local(tb, shared(tb, s))) },
		"tier, decorator, tier":       func(tb testing.TB, s tenancy.Store) tenancy.Store { return local(tb, wrap(shared(tb, s))) },
		"decorator everywhere, tiers": func(tb testing.TB, s tenancy.Store) tenancy.Store { return wrap(local(tb, wrap(shared(tb, wrap(s))))) },
	}
}

func TestConformance(t *testing.T) {
	for name, stack := range orders() {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, storetest.Harness{
				Open: func(tb testing.TB) tenancy.Store { return stack(tb, memstore.New()) },
				OpenSoftDelete: func(tb testing.TB) tenancy.Store {
					return stack(tb, memstore.New(memstore.WithSoftDelete()))
				},
				Source:  true,
				Compact: func(tb testing.TB, s tenancy.Store, r tenancy.Revision) { database(tb, s).Compact(r) },
				Backup: func(tb testing.TB, s tenancy.Store) func(testing.TB) {
					m := database(tb, s)
					backup := m.Backup()
					return func(testing.TB) { m.Restore(backup) }
				},
			})
		})
	}
}

// plain hides what a store can do besides.
type plain struct{ tenancy.Store }

func TestConformanceWithoutSource(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		Open: func(testing.TB) tenancy.Store { return oteltenancy.Wrap(plain{memstore.New()}) },
	})
}

// database returns the store in memory under everything.
func database(tb testing.TB, s tenancy.Store) *memstore.Store {
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

func local(tb testing.TB, next tenancy.Store, opts ...tier.Option) *tier.Store {
	return newTier(tb, next, faults.NewLocal(), opts...)
}

func shared(tb testing.TB, next tenancy.Store, opts ...tier.Option) *tier.Store {
	return newTier(tb, next, faults.NewServer().Open(), opts...)
}

func newTier(tb testing.TB, next tenancy.Store, cache tier.Cache, opts ...tier.Option) *tier.Store {
	tb.Helper()
	opts = append([]tier.Option{
		tier.WithPollInterval(20 * time.Millisecond), tier.WithLogger(slog.New(slog.DiscardHandler)),
	}, opts...)
	s, err := tier.New(next, cache, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// closing closes s when tb ends.
func closing[S io.Closer](tb testing.TB, s S) S {
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}
