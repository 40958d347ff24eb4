package tier

import (
	"sync"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// follower is the stack as the reader of the log sees it ([follow.Follower]).
type follower struct{ *Store }

// StartOver flushes.
func (f follower) StartOver(at tenancy.Position) {
	old := f.fence.Load()
	f.fence.Store(newFence(old, at.Revision, old.buckets()))
}

// Obey raises the floors of what c touches. A reset touches everything.
func (f follower) Obey(c tenancy.Change, live bool) {
	fence := f.fence.Load()
	if c.Kind == tenancy.ChangeReset {
		f.fence.Store(fence.raised(c.Position.Revision))
	}
	for _, k := range c.Keys {
		fence.raise(k, c.Position.Revision)
	}
	if live && f.shared != nil { // floors are enough for what is replayed: others have applied it
		f.shared.applier.enqueue(c)
	}
}

// Obeyed tells the observers.
func (f follower) Obeyed(c tenancy.Change) { f.observers.obeyed(c) }

// Contact notes what is served from now on without contact.
func (f follower) Contact(lost bool) {
	f.contact.Lock()
	defer f.contact.Unlock()
	f.lost = lost
	if l := f.local.Load(); l != nil {
		l.outage.note(lost, &l.stats)
	}
	if f.shared != nil {
		f.shared.outage.note(lost, &f.shared.stats)
	}
}

// outage tells which of the hits of a cache were while the change log could not be
// read. It costs a hit nothing: it notes how many there were before.
type outage struct {
	mu     sync.Mutex // held while hits are read, too: else the count could go back
	lost   bool
	before int64 // hits, when contact was lost
	sum    int64 // of the outages that are over
}

// note is called when contact with the log is lost, and when it is back.
func (o *outage) note(lost bool, c *cacheCounters) {
	o.mu.Lock()
	defer o.mu.Unlock()
	hits := c.hits.Load() + c.negatives.Load()
	switch {
	case lost && !o.lost:
		o.before = hits
	case o.lost && !lost:
		o.sum += hits - o.before
	}
	o.lost = lost
}

// read returns how many lookups the cache answered, and how many of these were in
// outages.
func (o *outage) read(c *cacheCounters) (hits, negatives, stale int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	hits, negatives = c.hits.Load(), c.negatives.Load()
	stale = o.sum
	if o.lost {
		stale += hits + negatives - o.before
	}
	return hits, negatives, stale
}
