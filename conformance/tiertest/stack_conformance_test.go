package tiertest_test

import (
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// A stack of tiers is a store like any other: the suite of stores runs on it
// unchanged.
func TestStacksAreStores(t *testing.T) {
	for name, layers := range stacks {
		t.Run(name, func(t *testing.T) { storetest.Run(t, storeHarness(layers)) })
	}
}

// stack is a stack of tiers with what its harness needs to know.
type stack struct {
	*tier.Store
	db      *memstore.Store
	servers []*faults.Server // of the layers
}

func storeHarness(layers []string) storetest.Harness {
	open := func(tb testing.TB, next tenancy.Store, db *memstore.Store, servers []*faults.Server) tenancy.Store {
		s := &stack{db: db, servers: servers}
		for i, layer := range layers {
			cache, opts := tier.Local(faults.NewLocal()), []tier.Option{tier.WithLoadTimeout(time.Minute), tier.WithFollowTimeout(time.Minute)}
			if layer == "shared" {
				cache = tier.Shared(servers[i].Open())
			}
			if i > 0 {
				opts = nil
			}
			var err error
			if s.Store, err = tier.New(next, cache, opts...); err != nil {
				tb.Fatal(err)
			}
			next = s.Store
		}
		return s
	}
	fresh := func(tb testing.TB, opts ...memstore.Option) tenancy.Store {
		servers := make([]*faults.Server, len(layers))
		for i := range servers {
			servers[i] = faults.NewServer()
		}
		db := memstore.New(opts...)
		return open(tb, db, db, servers)
	}
	return storetest.Harness{
		Open:           func(tb testing.TB) tenancy.Store { return fresh(tb) },
		OpenSoftDelete: func(tb testing.TB) tenancy.Store { return fresh(tb, memstore.WithSoftDelete()) },
		OpenChecked: func(tb testing.TB, check func(tenancy.Metadata) error) tenancy.Store {
			return fresh(tb, memstore.WithMetadataCheck(check))
		},
		OpenNames: func(tb testing.TB, o storetest.NameOptions) tenancy.Store {
			return fresh(tb, memstore.WithClaimLifetime(o.ClaimLifetime), memstore.WithKeepFormer(o.KeepFormer))
		},
		Source: true,
		Compact: func(_ testing.TB, s tenancy.Store, revision tenancy.Revision) {
			s.(*stack).db.Compact(revision)
		},
		Backup: func(_ testing.TB, s tenancy.Store) func(testing.TB) {
			db := s.(*stack).db
			backup := db.Backup()
			return func(testing.TB) { db.Restore(backup) }
		},
		Peer: func(tb testing.TB, s tenancy.Store) tenancy.Store {
			first := s.(*stack)
			return open(tb, faults.NewSource(first.db, 0), first.db, first.servers)
		},
	}
}
