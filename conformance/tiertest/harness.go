package tiertest

import (
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tier"
)

// LocalHarness tells RunLocal how to make the caches under test.
type LocalHarness struct {
	// Open returns a new, empty cache that shares nothing with any other, and has
	// room for a few hundred entries. The suite closes it. It is called from the goroutine
	// of the test that tb belongs to; several tests may call it at the same time.
	Open func(tb testing.TB) tier.LocalCache

	// Patience is how long a call may take on a busy machine: a minute if 0.
	Patience time.Duration
}

// SharedHarness tells RunShared how to make the caches under test. Only Open is
// required. Every function is called from the goroutine of the test that tb
// belongs to; several tests may call it at the same time.
type SharedHarness struct {
	// Open returns a new, empty cache that shares nothing with any other, has
	// room for a few hundred entries, and takes tenants with a DatabaseURL. The
	// suite closes it. Its leases should last longer than a check may take on a busy
	// machine.
	Open func(tb testing.TB) tier.SharedCache

	// OpenBrief is Open of a cache whose leases end within Patience. Not set where
	// those of Open's do.
	OpenBrief func(tb testing.TB) tier.SharedCache

	// Peer opens a second client of the same cache, as another process would. The
	// suite closes it.
	Peer func(tb testing.TB, c tier.SharedCache) tier.SharedCache

	// OpenRefusing is Open of a cache that must not hold a DatabaseURL. Not set
	// where there is no such cache.
	OpenRefusing func(tb testing.TB) tier.SharedCache

	// Patience is how long the suite waits for what must happen soon, such as
	// the end of an abandoned lease: a minute if 0.
	Patience time.Duration

	// Seed repeats a random run: a failure prints the seed of its own. 0 draws
	// one.
	Seed uint64
}
