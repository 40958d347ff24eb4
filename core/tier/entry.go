package tier

import (
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Entry is what a cache holds under a key: a tenant, or that there is none (a
// negative entry), as of a position. It is immutable.
type Entry struct {
	Key tenancy.Key

	// Set where the entry goes into a local cache. They stand beside Key because
	// a hit reads them all.
	fence   *fence  // the one under which it was accepted
	bucket  *bucket // of its floor there, so that a hit need not look for it
	refresh int64   // by the coarse clock: load it again in the background
	expires int64   // by the coarse clock: serve it no more

	Versioned tenancy.Versioned
	tag       uint64 // in the bucket
	// TTL is how long a cache needs to keep the entry.
	TTL time.Duration
}

// Negative reports whether the entry says that there is no tenant.
func (e *Entry) Negative() bool { return !e.Versioned.Found }

// holds reports whether e is what belongs under key.
func (e *Entry) holds(key tenancy.Key) bool {
	return e.Key == key && (e.Negative() || !key.OfField() || key.Matches(e.Versioned.Tenant))
}
