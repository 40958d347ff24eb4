package ristrettotier

import (
	"sync/atomic"

	"github.com/dgraph-io/ristretto/v2"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// space is one ristretto, for tenants or for negative entries. But for get, its
// methods are called with Cache.changing held.
type space struct {
	cache  *ristretto.Cache[uint64, item]
	cost   func(*tier.Entry) int64
	counts *counts
	queued bool // changes of which ristretto may not have carried out all
}

// item is what ristretto holds under the hash of a key.
type item struct {
	entry *tier.Entry
	until int64 // when its TTL is over, by Cache.now
}

// counts are kept here because ristretto's own metrics cost every hit, and start
// again from 0.
type counts struct {
	entries, evicted, rejected, expired, cleared atomic.Int64
	closing                                      atomic.Bool // what is evicted now gives way to nothing
}

const (
	countersPerEntry = 10 // what ristretto advises
	getsBatched      = 64
	never            = 365 * 24 * 60 * 60
)

// newSpace returns a space that holds entries up to a sum of cost of capacity,
// and knows the frequencies of as many keys as a full space of counted entries
// needs.
func newSpace(capacity, counted int64, cost func(*tier.Entry) int64) (space, error) {
	n := &counts{}
	cache, err := ristretto.NewCache(&ristretto.Config[uint64, item]{
		MaxCost:            capacity,
		NumCounters:        countersPerEntry * counted,
		BufferItems:        getsBatched,
		IgnoreInternalCost: true, // cost knows
		KeyToHash:          func(hash uint64) (uint64, uint64) { return hash, 0 },
		// When to look for items with a TTL, of which there are none.
		TtlTickerDurationInSec: never,
		OnEvict: func(*ristretto.Item[item]) {
			if !n.closing.Load() {
				n.evicted.Add(1)
			}
		},
		OnReject: func(*ristretto.Item[item]) { n.rejected.Add(1) },
		OnExit: func(gone item) {
			if gone.entry != nil { // else Del found nothing
				n.entries.Add(-1)
			}
		},
	})
	return space{cache: cache, cost: cost, counts: n}, err
}

// get returns the entry under key, or nil.
func (s *space) get(hash uint64, key tenancy.Key) *tier.Entry {
	if found, ok := s.cache.Get(hash); ok && found.entry.Key == key {
		return found.entry
	}
	return nil
}

// put stores i if there is room for it.
func (s *space) put(hash uint64, i item) {
	s.set(hash, i)
	s.settle()
	if s.cache.RemainingCost() < 0 {
		// It replaced a smaller one, for which ristretto makes no room. For one
		// that is new it does.
		s.remove(hash, whatever)
		s.set(hash, i)
	}
}

func (s *space) set(hash uint64, i item) {
	s.queued = true
	s.counts.entries.Add(1)
	if !s.cache.Set(hash, i, s.cost(i.entry)) { // the queue is full
		s.counts.entries.Add(-1)
		s.counts.rejected.Add(1)
	}
}

// remove removes the item under hash if there is one that matches, and reports
// whether there was.
func (s *space) remove(hash uint64, match func(item) bool) bool {
	found, ok := s.cache.Get(hash)
	if !ok || !match(found) {
		return false
	}
	s.queued = true
	s.cache.Del(hash)
	return true
}

// settle returns when ristretto has carried out every change.
func (s *space) settle() {
	if s.queued {
		s.cache.Wait()
		s.queued = false
	}
}

// items returns the items that match, in no order.
func (s *space) items(match func(item) bool) []item {
	var out []item
	s.cache.IterValues(func(i item) bool {
		if match(i) {
			out = append(out, i)
		}
		return false
	})
	return out
}

func whatever(item) bool { return true }

// close empties the space. No other method may be under way.
func (s *space) close() {
	s.counts.closing.Store(true)
	s.cache.Close()
}
