package tier

import (
	"context"
	"errors"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Cache is what an adapter implements. The tier decides what an entry is worth:
// a cache may lose entries at any time, keep them too long, and return old ones.
// What it must not do is return an entry that was never put, or alter one.
// Implementations are safe for concurrent use.
type Cache interface {
	// Get returns what is under key. An error counts as nothing, without a
	// lease; the tier then loads and does not fill.
	Get(ctx context.Context, key tenancy.Key) (Result, error)
	// Put stores e under e.Key for at most e.TTL. A shared cache stores it only
	// over the lease with this token or over an entry with a smaller
	// AsOf.Revision, and never over nothing: the lease may have been deleted by a
	// change. It returns ErrUncacheable for an entry that it must not hold; its
	// lease is then released.
	Put(ctx context.Context, token Token, e *Entry) error
	// Release gives back a lease that will not be used. A token that is no longer
	// held is ignored.
	Release(ctx context.Context, key tenancy.Key, token Token) error
	// Apply makes the cache obey a change: under each of its keys, an entry with
	// a smaller AsOf.Revision and a lease go; where there is nothing, nothing
	// changes. A local cache may do nothing. ChangeReset needs nothing either.
	Apply(ctx context.Context, c tenancy.Change) error
	// Drop removes e, which the tier found to belong to a history that the
	// database lost, if it is still what is under its key.
	Drop(ctx context.Context, e *Entry) error
	// InvalidateAll removes all entries and returns how many there were, or -1
	// where that is not known.
	InvalidateAll(ctx context.Context) (int64, error)
	// Shared reports whether other processes use the same cache. A shared cache
	// grants leases; a local one returns a *Entry as it was put.
	Shared() bool
	// Close releases what the cache opened. It is called once, after every other
	// call has returned but Get of a local cache, which may still come and then
	// returns nothing, and calls that had ignored the end of their contexts, which
	// fail.
	Close() error
}

// BatchCache is a Cache with a faster way for many keys.
type BatchCache interface {
	Cache
	// GetBatch is Get for each key, in order, in as few round trips as possible.
	GetBatch(ctx context.Context, keys []tenancy.Key) ([]Result, error)
	// PutBatch is Put for each entry with the token beside it. It returns how many
	// of them are ErrUncacheable, which is no error of the batch.
	PutBatch(ctx context.Context, tokens []Token, entries []*Entry) (uncacheable int, err error)
}

// Result is the outcome of Get: an entry, or a lease, or neither.
type Result struct {
	// Entry is what was put, or nil.
	Entry *Entry
	// Token is the lease to fill this key, granted to this caller; 0 if there is
	// an entry or somebody else holds the lease. A local cache grants
	// LocalToken to everybody.
	Token Token
}

// Token identifies a lease. Those of a shared cache are random.
type Token uint64

// LocalToken is the token of caches without leases.
const LocalToken Token = 1

// ErrUncacheable: this entry must not be put into this cache, for instance a
// tenant with a DatabaseURL into a shared cache without a Sealer.
var ErrUncacheable = errors.New("tier: entry must not be cached here")
