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
	return newTier(tb, next, tier.Local(faults.NewLocal()), append(opts, quiet)...)
}

// both is a local cache over a shared one.
func both(tb testing.TB, next tenancy.Store, server *faults.Server) *tier.Store {
	return newTier(tb, newTier(tb, next, tier.Shared(server.Open()), quiet), tier.Local(faults.NewLocal()))
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

func wrap(tb testing.TB, next tenancy.Store, opts ...oteltenancy.Option) *oteltenancy.Store {
	tb.Helper()
	s, err := oteltenancy.Wrap(next, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}
