package tiertest

import (
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tier"
)

// Harness tells the suite how to make the caches under test. Only Open is
// required. Every function is called from the goroutine of the test that tb
// belongs to; several tests may call it at the same time.
type Harness struct {
	// Open returns a new, empty cache that shares nothing with any other, has
	// room for a few hundred entries, and takes tenants with a DatabaseURL. The
	// suite closes it. Its leases should last longer than a check may take on a busy
	// machine.
	Open func(tb testing.TB) tier.Cache

	// OpenBrief is Open of a cache whose leases end within Patience. Not set where
	// those of Open's do.
	OpenBrief func(tb testing.TB) tier.Cache

	// Peer opens a second client of the same shared cache, as another process
	// would. The suite closes it.
	Peer func(tb testing.TB, c tier.Cache) tier.Cache

	// OpenRefusing is Open of a cache that must not hold a DatabaseURL. Not set
	// where there is no such cache.
	OpenRefusing func(tb testing.TB) tier.Cache

	// Patience is how long the suite waits for what must happen soon, such as
	// the end of an abandoned lease: a minute if 0.
	Patience time.Duration

	// Seed repeats a random run: a failure prints the seed of its own. 0 draws
	// one.
	Seed uint64
}

// kind says which caches a rule is about.
type kind int

const (
	everyCache kind = iota
	sharedCache
	localCache
)
