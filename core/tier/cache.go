package tier

import (
	"context"
	"time"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Entry is what a cache holds under a key, as of a position: a tenant, or the fact that
// none exists (a negative entry). It is immutable.
type Entry struct {
	terms // of service, for a local cache

	Key       tenancy.Key
	Versioned tenancy.Versioned
	// TTL is how long a cache needs to keep the entry.
	TTL time.Duration
}

// Negative reports whether the entry says that there is no tenant.
func (e *Entry) Negative() bool { return !e.Versioned.Found }

// LocalCache is a cache in the memory of the process. The stack decides whether an entry is
// served: a cache may lose entries at any time, keep them too long, and return old ones. It
// must not return an entry that was never put, or a copy of one. Implementations are safe
// for concurrent use. The suite tiertest.RunLocal checks them.
type LocalCache interface {
	// Get returns the entry under key, or nil. Every hit calls it, so it should neither
	// allocate nor wait. It may be called during and after Close, and then returns nil.
	Get(key tenancy.Key) *Entry
	// Put stores e under e.Key for at most e.TTL, and replaces the entry there. It may
	// discard e if there is no room.
	Put(e *Entry)
	// InvalidateAll removes all entries and returns how many there were, or -1 where
	// that is not known.
	InvalidateAll() int64
	// MaxEntries returns how many entries the cache holds at most. Floors take up to 32
	// bytes of memory for each.
	MaxEntries() int64
	// Close releases the cache's resources. It is called once, after every call but those
	// of Get has returned.
	Close()
}

// SharedCache is a cache that several processes use, such as Valkey. The stack decides
// whether its entries are served, as for a LocalCache; the cache must not alter one. An
// error counts as nothing found or done, and never fails a read or a write. Implementations
// are safe for concurrent use, and bound the time of each call. The suite
// tiertest.RunShared checks them.
type SharedCache interface {
	// Get returns a Result for each key, in order, in as few round trips as possible: the
	// entry; or the lease, if nobody holds it; or else that it is leased. Keys that could not
	// be reached have an empty Result, and the stack loads them without filling. If none could
	// be reached, Get returns an error.
	Get(ctx context.Context, keys []tenancy.Key) ([]Result, error)
	// Put stores entries, each for at most its TTL. An entry replaces the lease with its
	// token, or an entry with a smaller AsOf.Revision. It must not be stored if there is
	// neither, since a change may have deleted the lease. Put returns how many entries this
	// cache must not hold, such as a tenant with a DatabaseURL if there is no Sealer, and
	// releases their leases.
	Put(ctx context.Context, fills []Fill) (uncacheable int, err error)
	// Release gives back a lease that will not be used. A token that is no longer
	// held is ignored.
	Release(ctx context.Context, key tenancy.Key, token Token) error
	// Apply makes the cache obey a change: it deletes, under each key of the change, an
	// entry with a smaller AsOf.Revision, and a lease. For a ChangeReset it does nothing.
	Apply(ctx context.Context, c tenancy.Change) error
	// Drop removes e, which belongs to a history that the database has lost, if it is still
	// under its key.
	Drop(ctx context.Context, e *Entry) error
	// InvalidateAll removes all entries and returns how many there were, or -1
	// where that is not known.
	InvalidateAll(ctx context.Context) (int64, error)
	// Close releases what the cache opened. It is called once, after every other call has
	// returned, except calls that ignore the end of their contexts, which fail.
	Close() error
}

// Result is what a SharedCache returns for a key.
type Result struct {
	// Entry is the entry under the key, or nil.
	Entry *Entry
	// Token is the lease to fill this key, granted to this caller; 0 if there is
	// an entry or somebody else holds the lease.
	Token Token
	// Leased says that somebody else holds the lease. The stack waits for a moment, and asks
	// again for what they fill in.
	Leased bool
}

// Token identifies a lease. Tokens are random, and not 0.
type Token uint64

// Fill is an entry for a SharedCache, with the token of its lease, or 0 to replace an older
// entry.
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
