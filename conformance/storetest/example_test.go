package storetest_test

import (
	"fmt"
	"testing"

	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// In an adapter this is func TestStore(t *testing.T).
func ExampleRun() {
	testStore := func(t *testing.T) {
		storetest.Run(t, storetest.Harness{
			Open:           func(testing.TB) tenancy.Store { return memstore.New() },
			OpenSoftDelete: func(testing.TB) tenancy.Store { return memstore.New(memstore.WithSoftDelete()) },
			OpenNames: func(_ testing.TB, o storetest.NameOptions) tenancy.Store {
				return memstore.New(memstore.WithClaimLifetime(o.ClaimLifetime), memstore.WithKeepFormer(o.KeepFormer))
			},
			Source: true,
			Compact: func(_ testing.TB, s tenancy.Store, revision tenancy.Revision) {
				s.(*memstore.Store).Compact(revision)
			},
		})
	}
	_ = testStore
}

func ExampleRules() {
	for _, r := range storetest.Rules()[:3] {
		fmt.Printf("%s: %s\n", r.Name, r.Says)
	}
	// Output:
	// create-returns-what-it-stored: Create stores every field that it is given, and returns the tenant as reads return it.
	// create-fills-id: Create gives a tenant without an ID a new one, and keeps one that is given.
	// create-fills-status: Create makes a tenant without a status active, and keeps any known one that is given.
}
