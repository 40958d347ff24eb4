package tier

import (
	"context"
	"time"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Entry is what a cache holds under a key: a tenant, or that there is none (a
// negative entry), as of a position. It is immutable.
type Entry struct {
	terms // of service, for a local cache

	Key       tenancy.Key
	Versioned tenancy.Versioned
	// TTL is how long a cache needs to keep the entry.
	TTL time.Duration
}

// Negative reports whether the entry says that there is no tenant.
func (e *Entry) Negative() bool { return !e.Versioned.Found }

// LocalCache is a cache in the memory of the process. The stack decides what an entry is
// worth: a cache may lose entries at any time, keep them too long, and return old ones. What
// it must not do is return an entry that was never put, or a copy of one. Implementations
// are safe for concurrent use. The suite tiertest.RunLocal checks them.
type LocalCache interface {
	// Get returns what is under key, or nil. Every hit passes here: it should neither
	// allocate nor wait. It may be called during Close and after it, and then returns nil.
	Get(key tenancy.Key) *Entry
	// Put keeps e under e.Key for at most e.TTL, in the place of what is there. It may leave
	// e out, where there is no room.
	Put(e *Entry)
	// InvalidateAll removes all entries and returns how many there were, or -1 where
	// that is not known.
	InvalidateAll() int64
	// MaxEntries returns how many entries the cache holds at most, which decides how much
	// memory floors may take: 32 bytes for each.
	MaxEntries() int64
	// Close releases what the cache has. It is called once, after every other call
	// but Get has returned.
	Close()
}

// SharedCache is a cache that several processes use, such as Valkey. As of a LocalCache, the
// stack decides what its entries are worth; it must not alter one. An error counts as
// nothing found or done, and fails no read and no write. Implementations are safe for
// concurrent use, and bound the time that a call takes. The suite tiertest.RunShared checks
// them.
type SharedCache interface {
	// Get returns what is under each of the keys, in order, in as few round trips as
	// possible: an entry, or else the lease if nobody holds it. Where it fails on the way,
	// the keys that were not reached have an empty Result; it returns an error if none was
	// reached. Then the stack loads, and does not fill.
	Get(ctx context.Context, keys []tenancy.Key) ([]Result, error)
	// Put stores entries, each for at most its TTL, and only over the lease with its
	// token or over an entry with a smaller AsOf.Revision: never over nothing, for the
	// lease may have been deleted by a change. It returns how many of them must not be in
	// this cache, such as a tenant with a DatabaseURL where there is no Sealer; it releases
	// their leases.
	Put(ctx context.Context, fills []Fill) (uncacheable int, err error)
	// Release gives back a lease that will not be used. A token that is no longer
	// held is ignored.
	Release(ctx context.Context, key tenancy.Key, token Token) error
	// Apply makes the cache obey a change: under each of its keys, an entry with
	// a smaller AsOf.Revision and a lease go; where there is nothing, nothing
	// changes. ChangeReset needs nothing either.
	Apply(ctx context.Context, c tenancy.Change) error
	// Drop removes e, which belongs to a history that the database lost, if it is still
	// what is under its key.
	Drop(ctx context.Context, e *Entry) error
	// InvalidateAll removes all entries and returns how many there were, or -1
	// where that is not known.
	InvalidateAll(ctx context.Context) (int64, error)
	// Close releases what the cache opened. It is called once, after every other
	// call has returned, but for calls that had ignored the end of their contexts, which
	// fail.
	Close() error
}

// Result is what a SharedCache has under a key.
type Result struct {
	// Entry is what was put, or nil.
	Entry *Entry
	// Token is the lease to fill this key, granted to this caller; 0 if there is
	// an entry or somebody else holds the lease.
	Token Token
}

// Token identifies a lease. Tokens are random, and not 0.
type Token uint64

// Fill is an entry for a SharedCache, and the lease to put it by: 0 over an older entry.
type Fill struct {
	Entry *Entry
	Token Token
}

// Bus tells the other processes that the log has grown.
type Bus interface {
	follow.Bus
	// Close releases what the bus opened.
	Close() error
}
