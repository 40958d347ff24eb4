package tiertest_test

import (
	"fmt"
	"testing"

	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/conformance/tiertest"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// In an adapter this is func TestCache(t *testing.T).
func ExampleRunLocal() {
	testCache := func(t *testing.T) {
		tiertest.RunLocal(t, tiertest.LocalHarness{
			Open: func(testing.TB) tier.LocalCache { return faults.NewLocal() },
		})
	}
	_ = testCache
}

// Three nodes with a cache each, over one database.
func ExampleRunStack() {
	testStack := func(t *testing.T) {
		tiertest.RunStack(t, tiertest.StackHarness{Open: func(tb testing.TB) tiertest.Stack {
			db := memstore.New()
			stack := tiertest.Stack{
				Source: db,
				Backup: func() func() { b := db.Backup(); return func() { db.Restore(b) } },
			}
			for i := range uint64(3) {
				node, err := tier.New(faults.NewSource(db, i), tier.Local(faults.NewLocal()))
				if err != nil {
					tb.Fatal(err)
				}
				stack.Nodes = append(stack.Nodes, tenancy.Store(node))
			}
			return stack
		}})
	}
	_ = testStack
}

func ExampleSharedRules() {
	for _, r := range tiertest.SharedRules()[:2] {
		fmt.Printf("%s: %s\n", r.Name, r.Says)
	}
	// Output:
	// new-cache-is-empty: In a new cache nothing is found, and whoever asks first may fill it.
	// get-after-put: What is put is found, as often as it is asked for.
}
