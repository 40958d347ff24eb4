package storetest_test

import (
	"testing"

	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestMemstore(t *testing.T) { storetest.Run(t, memstoreHarness()) }

func memstoreHarness() storetest.Harness {
	return storetest.Harness{
		Open:           func(testing.TB) tenancy.Store { return memstore.New() },
		OpenSoftDelete: func(testing.TB) tenancy.Store { return memstore.New(memstore.WithSoftDelete()) },
		OpenChecked: func(_ testing.TB, check func(tenancy.Metadata) error) tenancy.Store {
			return memstore.New(memstore.WithMetadataCheck(check))
		},
		OpenNames: func(_ testing.TB, opts storetest.NameOptions) tenancy.Store { return storetest.MemoryWithNames(opts) },
		Source:    true,
		Compact: func(_ testing.TB, s tenancy.Store, revision tenancy.Revision) {
			s.(*memstore.Store).Compact(revision)
		},
		Backup: func(_ testing.TB, s tenancy.Store) func(testing.TB) {
			m := s.(*memstore.Store)
			backup := m.Backup()
			return func(testing.TB) { m.Restore(backup) }
		},
		Peer: func(_ testing.TB, s tenancy.Store) tenancy.Store { return peer{s.(*memstore.Store)} },
	}
}

// peer is a second handle on a store in memory: closing it leaves the store
// open.
type peer struct{ *memstore.Store }

func (peer) Close() error { return nil }

func BenchmarkMemstore(b *testing.B) { storetest.Bench(b, memstoreHarness()) }
