package tier

import (
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Entry is what a cache holds under a key: a tenant, or that there is none (a
// negative entry), as of a position. It is immutable.
type Entry struct {
	Key      tenancy.Key
	Snapshot tenancy.Snapshot
	// TTL is how long a cache needs to keep the entry.
	TTL time.Duration

	// Set where the entry goes into a local cache; 0 for no limit.
	// The fence under which it was accepted, and its floor there, so that a hit
	// need not look for it.
	fence   *fence
	floor   *atomic.Int64
	lane    uint8 // of the counter of hits
	refresh int64 // by the coarse clock: load it again in the background
	expires int64 // by the coarse clock: serve it no more
}

// Negative reports whether the entry says that there is no tenant.
func (e *Entry) Negative() bool { return !e.Snapshot.Found }
