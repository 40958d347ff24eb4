package tier

import (
	"hash/maphash"
	"math/bits"
	"sync/atomic"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// fence decides which entries are still current. It knows the floor of a key: the
// revision of the newest change that touched it. An entry is current if its AsOf is not
// below the floor of its key. Raising a floor is the moment from which on an older
// entry is not served; removing the entry is only housekeeping.
//
// A flush is a new fence with the next epoch. Floors are kept in buckets. Keys cost
// each other an occasional load where a bucket has no room for all of them, never
// correctness.
type fence struct {
	epoch  uint64
	base   tenancy.Revision // changes up to here were not seen one by one
	seed   maphash.Seed
	floors []atomic.Pointer[page] // a power of two of them; nil until a key falls on one
}

// page is what floors are allocated in, so that they take memory as keys are looked up.
type page [1 << pageBits]bucket

const pageBits = 10

// bucket holds the floors of the keys that fall on it, in a cache line. A key has a
// place of its own, unless more have changed than there are places: then that of the
// oldest change is given away.
//
// There is one writer at a time. Readers need no lock: a place is filled before newest
// is raised, rest is raised before a place is given away, and they look in the reverse
// order.
type bucket struct {
	newest atomic.Int64 // change of any of the keys
	places [6]atomic.Uint64
	rest   atomic.Int64 // newest change of the keys that have lost their places
}

// A place holds a tag, by which the keys of a bucket are told apart, and a revision.
// Keys with the same tag share a place. What is beyond maxPlace, no database reaches.
const (
	tagBits  = 16
	maxPlace = 1<<(64-tagBits) - 1
)

// The most buckets that there are, of 64 bytes each. A cache of so many entries gets half as many
// buckets, three places for each of its entries.
const (
	minBuckets     = 1 << 12
	defaultBuckets = 1 << 16 // where a cache does not say how many entries it holds
	maxBuckets     = 1 << 18
)

// bucketsFor returns how many buckets a cache of so many entries needs.
func bucketsFor(entries int64) int {
	n := max(minBuckets, min(entries/2, maxBuckets))
	return 1 << bits.Len64(uint64(n-1))
}

// newFence returns the fence of the next epoch, without floors: what follows may be
// another history, whose revisions are smaller.
func newFence(old *fence, base tenancy.Revision, buckets int) *fence {
	f := &fence{base: base, seed: maphash.MakeSeed(), floors: make([]atomic.Pointer[page], buckets>>pageBits)}
	if old != nil {
		f.epoch = old.epoch + 1
	}
	return f
}

// raised returns a fence with the same floors, but for which every floor is at base or
// above. The entries that were accepted under f are served no more.
func (f *fence) raised(base tenancy.Revision) *fence {
	next := *f
	next.base = base
	return &next
}

// nextEpoch returns a fence that differs from f in its epoch alone, floors
// included, now and later.
func (f *fence) nextEpoch() *fence {
	next := *f
	next.epoch++
	return &next
}

// grown returns a fence of the next epoch with more buckets. What they stand for is not
// known key by key any more.
func (f *fence) grown(buckets int) *fence {
	next := f.nextEpoch()
	next.floors = make([]atomic.Pointer[page], buckets>>pageBits)
	for i := range next.floors {
		old := f.floors[i%len(f.floors)].Load()
		if old == nil {
			continue
		}
		p := new(page)
		for j := range p {
			newest := old[j].newest.Load()
			p[j].newest.Store(newest)
			p[j].rest.Store(newest)
		}
		next.floors[i].Store(p)
	}
	return next
}

// buckets returns how many there are at most.
func (f *fence) buckets() int { return len(f.floors) << pageBits }

// bucket returns the bucket of k, and its tag there.
func (f *fence) bucket(k tenancy.Key) (*bucket, uint64) {
	h := maphash.String(f.seed, k.Value)
	if k.Kind == tenancy.KindID {
		h ^= 0x9e3779b97f4a7c15
	}
	at := &f.floors[h>>pageBits&uint64(len(f.floors)-1)]
	p := at.Load()
	if p == nil {
		if p = new(page); !at.CompareAndSwap(nil, p) {
			p = at.Load()
		}
	}
	return &p[h&(1<<pageBits-1)], h >> (64 - tagBits)
}

// floor returns the least revision that an entry under k must be as of.
func (f *fence) floor(k tenancy.Key) tenancy.Revision {
	b, tag := f.bucket(k)
	return max(f.base, tenancy.Revision(b.floor(tag)))
}

// raise lifts the floor of k to r. Its callers are serialized by the position of the stack.
func (f *fence) raise(k tenancy.Key, r tenancy.Revision) {
	b, tag := f.bucket(k)
	b.raise(tag, int64(r))
}

func (b *bucket) floor(tag uint64) int64 {
	if b.newest.Load() == 0 {
		return 0
	}
	var floor int64
	for i := range b.places {
		if p := b.places[i].Load(); p>>(64-tagBits) == tag {
			floor = max(floor, int64(p&maxPlace))
		}
	}
	return max(floor, b.rest.Load())
}

func (b *bucket) raise(tag uint64, r int64) {
	if r > maxPlace {
		b.rest.Store(max(b.rest.Load(), r))
	} else {
		oldest, least := 0, uint64(maxPlace)
		for i := range b.places {
			p := b.places[i].Load()
			if p != 0 && p>>(64-tagBits) == tag {
				oldest, least = i, 0
				r = max(r, int64(p&maxPlace))
				break
			}
			if p&maxPlace < least {
				oldest, least = i, p&maxPlace
			}
		}
		b.rest.Store(max(b.rest.Load(), int64(least)))
		b.places[oldest].Store(tag<<(64-tagBits) | uint64(r))
	}
	b.newest.Store(max(b.newest.Load(), r))
}
