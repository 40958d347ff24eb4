package tenantclient_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// TestConformance is all that storetest demands of a store in memory, over HTTP. A check of
// metadata is missing: it is the server's, and its error no value that a client could have.
func TestConformance(t *testing.T) {
	storetest.Run(t, harness(func(_ testing.TB, s tenancy.Source) tenancy.Store { return s }))
}

// TestReplicaConformance is the same of a replica, which follows the log of the client.
func TestReplicaConformance(t *testing.T) {
	storetest.Run(t, harness(func(tb testing.TB, s tenancy.Source) tenancy.Store {
		r, err := replica.New(s, replica.WithLogger(quiet), replica.WithFollowTimeout(time.Minute))
		if err != nil {
			tb.Fatal(err)
		}
		return r
	}))
}

// TestTierConformance is the same of two caches over the client.
func TestTierConformance(t *testing.T) {
	storetest.Run(t, harness(func(tb testing.TB, s tenancy.Source) tenancy.Store {
		shared, err := tier.New(s, tier.Shared(faults.NewServer().Open()), tier.WithLogger(quiet),
			tier.WithFollowTimeout(time.Minute), tier.WithLoadTimeout(time.Minute))
		if err != nil {
			tb.Fatal(err)
		}
		stack, err := tier.New(shared, tier.Local(faults.NewLocal()))
		if err != nil {
			tb.Fatal(err)
		}
		return stack
	}))
}

var quiet = slog.New(slog.DiscardHandler)

func harness(stack func(testing.TB, tenancy.Source) tenancy.Store) storetest.Harness {
	clients := fleet{stack: stack}
	memory := func(s tenancy.Store) *memstore.Store {
		return clients.of(s).source.(*memstore.Store) //nolint:forcetypeassert // it is one
	}
	return storetest.Harness{
		Open: func(tb testing.TB) tenancy.Store { return clients.open(tb, serve(tb, memstore.New())) },
		OpenSoftDelete: func(tb testing.TB) tenancy.Store {
			return clients.open(tb, serve(tb, memstore.New(memstore.WithSoftDelete())))
		},
		OpenNames: func(tb testing.TB, opts storetest.NameOptions) tenancy.Store {
			return clients.open(tb, serve(tb, memstore.New(memstore.WithClaimLifetime(opts.ClaimLifetime), memstore.WithKeepFormer(opts.KeepFormer))))
		},
		Source:  true,
		Compact: func(_ testing.TB, s tenancy.Store, revision tenancy.Revision) { memory(s).Compact(revision) },
		Backup: func(_ testing.TB, s tenancy.Store) func(testing.TB) {
			m := memory(s)
			backup := m.Backup()
			return func(testing.TB) { m.Restore(backup) }
		},
		Disconnect: func(_ testing.TB, s tenancy.Store) { clients.of(s).http.CloseClientConnections() },
		Reopen: func(tb testing.TB, s tenancy.Store) tenancy.Store {
			if err := s.Close(); err != nil {
				tb.Error(err)
			}
			return clients.open(tb, clients.of(s))
		},
		Peer: func(tb testing.TB, s tenancy.Store) tenancy.Store { return clients.open(tb, clients.of(s)) },
	}
}
