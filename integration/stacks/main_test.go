//go:build unix

package stacks

import (
	"flag"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/go-tenancy/tenantstore/integration/servers"
)

var (
	full      = flag.Bool("full", false, "run the conformance suite on every stack over every database")
	soakReads = flag.Int64("soak.reads", 0, "stop a run under faults after so many answered reads, in the place of -soak.time")
	soakTime  = flag.Duration("soak.time", 8*time.Second, "how long a run under faults takes")
	soakSeed  = flag.Uint64("soak.seed", 0, "the seed of a run under faults; 0 draws one")
)

// patience limits what a test waits for; the machine may be busy.
const patience = 5 * time.Minute

// TestMain makes the binary a process of a fleet if a test has started it as one.
func TestMain(m *testing.M) {
	if s, ok := childSite(); ok {
		os.Exit(s.run())
	}
	// Toxiproxy leaves goroutines behind where a toxic comes and goes while a connection
	// ends.
	servers.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"))
}

var eventually = servers.Eventually

// must fails the test if err is not nil.
func must[T any](tb testing.TB, result T, err error) T {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	return result
}
