package promtenancy_test

import (
	"io"
	"log/slog"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/prometheus/promtenancy"
	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

func TestConformance(t *testing.T) {
	storetest.RunDecorator(t, func(s tenancy.Store) tenancy.Store { return wrap(t, s) })
}

func local(tb testing.TB, next tenancy.Store) *tier.Store {
	return newTier(tb, next, tier.Local(faults.NewLocal()), quiet)
}

var quiet = tier.WithLogger(slog.New(slog.DiscardHandler))

func newTier(tb testing.TB, next tenancy.Store, cache tier.Cache, opts ...tier.Option) *tier.Store {
	tb.Helper()
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

func wrap(tb testing.TB, next tenancy.Store, opts ...promtenancy.Option) *promtenancy.Store {
	tb.Helper()
	s, err := promtenancy.Wrap(next, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}
