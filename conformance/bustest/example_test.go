package bustest_test

import (
	"fmt"
	"testing"

	"github.com/go-tenancy/tenantstore/conformance/bustest"
	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// In an adapter this is func TestBus(t *testing.T).
func ExampleRun() {
	testBus := func(t *testing.T) {
		bustest.Run(t, bustest.Harness{
			Open: func(testing.TB) tier.Bus { return faults.NewHub().Open() },
		})
	}
	_ = testBus
}

func ExampleRules() {
	for _, r := range bustest.Rules()[:2] {
		fmt.Printf("%s: %s\n", r.Name, r.Says)
	}
	// Output:
	// message-reaches-every-subscriber: Publish wakes every subscriber of the bus, each time, with the position.
	// message-reaches-other-processes: Publish wakes the subscribers in other processes, in both directions.
}
