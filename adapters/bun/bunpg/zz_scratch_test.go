package bunpg_test

import (
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func scratchHarness(opts ...bunpg.Option) storetest.Harness {
	open := func(tb testing.TB, more ...bunpg.Option) tenancy.Store {
		s, err := bunpg.Open(tb.Context(), newDatabase(tb), append(opts, more...)...)
		if err != nil {
			tb.Fatal(err)
		}
		return s
	}
	return storetest.Harness{
		Source:         true,
		Open:           func(tb testing.TB) tenancy.Store { return open(tb) },
		OpenSoftDelete: func(tb testing.TB) tenancy.Store { return open(tb, bunpg.WithStore(bunstore.WithSoftDelete())) },
		Compact: func(tb testing.TB, s tenancy.Store, revision tenancy.Revision) {
			if _, err := s.(*bunstore.Store).Compact(tb.Context(), revision); err != nil {
				tb.Fatalf("Compact: %v", err)
			}
		},
	}
}

func TestScratch(t *testing.T) { storetest.Run(t, scratchHarness()) }
func TestScratchBouncer(t *testing.T) {
	storetest.Run(t, scratchHarness(bunpg.WithPgBouncer(), bunpg.WithStore(bunstore.WithSchema("app"), bunstore.WithTable("customers"))))
}
