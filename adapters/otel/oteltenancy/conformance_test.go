package oteltenancy_test

import (
	"io"
	"log/slog"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/otel/oteltenancy"
	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

func TestConformance(t *testing.T) {
	storetest.RunDecorator(t, func(s tenancy.Store) tenancy.Store { return wrap(t, s) })
}

func local(tb testing.TB, next tenancy.Store, opts ...tier.Option) *tier.Store {
	return newTier(tb, next, faults.NewLocal(), opts...)
}

func newTier(tb testing.TB, next tenancy.Store, cache tier.Cache, opts ...tier.Option) *tier.Store {
	tb.Helper()
	opts = append([]tier.Option{
		tier.WithLogger(slog.New(slog.DiscardHandler)),
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

func wrap(tb testing.TB, next tenancy.Store, opts ...oteltenancy.Option) *oteltenancy.Store {
	tb.Helper()
	s, err := oteltenancy.Wrap(next, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}
