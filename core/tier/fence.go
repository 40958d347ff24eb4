package tier

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const stripes = 1 << 16

// fence decides which entries are still current. It holds a floor for each
// stripe of keys: the revision of the newest change that touched one of them. An
// entry is current if its AsOf is not below the floor of its key. Raising a floor
// is the moment from which on an older entry is not served; removing the entry
// is only housekeeping.
//
// A flush is a new fence with the next epoch. Keys that share a stripe cost each
// other an occasional load, never correctness.
type fence struct {
	epoch  uint64
	base   tenancy.Revision // changes up to here were not seen one by one
	seed   maphash.Seed
	floors *[stripes]atomic.Int64
}

// newFence returns the fence of the next epoch, without floors: what follows may be
// another history, whose revisions are smaller.
func newFence(old *fence, base tenancy.Revision) *fence {
	f := &fence{base: base, seed: maphash.MakeSeed(), floors: new([stripes]atomic.Int64)}
	if old != nil {
		f.epoch = old.epoch + 1
	}
	return f
}

// reset returns a fence of the next epoch below which nothing counts that is as of
// a revision before base. It keeps the floors, which the same history has raised.
func (f *fence) reset(base tenancy.Revision) *fence {
	next := f.nextEpoch()
	next.base = base
	return next
}

// nextEpoch returns a fence that differs from f in its epoch alone, floors
// included, now and later.
func (f *fence) nextEpoch() *fence {
	next := *f
	next.epoch++
	return &next
}

func (f *fence) stripe(k tenancy.Key) *atomic.Int64 {
	h := maphash.String(f.seed, k.Value)
	if k.Kind == tenancy.KindID {
		h ^= 0x9e3779b97f4a7c15
	}
	return &f.floors[h%stripes]
}

// floor returns the least revision that an entry under k must be as of.
func (f *fence) floor(k tenancy.Key) tenancy.Revision {
	return max(f.base, tenancy.Revision(f.stripe(k).Load()))
}

// raise lifts the floor of k to r. Its callers are serialized by the follower.
func (f *fence) raise(k tenancy.Key, r tenancy.Revision) {
	if s := f.stripe(k); s.Load() < int64(r) {
		s.Store(int64(r))
	}
}
