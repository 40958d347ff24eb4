package tier

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// stack is the tiers of a process that obey one change log, by one reader of it. It
// owns the fence by which all of them judge their entries, so that there is one position
// in the stack and no tier lags behind another.
type stack struct {
	reader *follow.Reader
	fence  atomic.Pointer[fence] // replaced, and floors raised, while the position does not move

	mu    sync.Mutex // guards what follows
	tiers atomic.Pointer[[]*Store]
	lost  bool // contact with the log

	flushed, unlogged atomic.Int64
	observers         observers
}

func newStack(log tenancy.Log, replay bool, cfg config) *stack {
	st := &stack{}
	st.tiers.Store(new([]*Store))
	st.fence.Store(newFence(nil, 0, minBuckets))
	st.reader = follow.New(log, st, follow.Config{Replay: replay, Timeout: cfg.followTimeout, Logger: cfg.logger})
	return st
}

// attach adds a tier.
func (st *stack) attach(s *Store) {
	st.mu.Lock()
	tiers := append(slices.Clone(st.all()), s)
	st.tiers.Store(&tiers)
	if st.lost {
		s.noteContact(true)
	}
	st.mu.Unlock()
	st.reader.LimitStale(s.cfg.maxStale)
	st.reader.Hold(func(tenancy.Position) {
		if fence := st.fence.Load(); s.buckets() > fence.buckets() {
			st.fence.Store(fence.grown(s.buckets()))
		}
	})
	if s.cfg.bus != nil {
		st.reader.Join(s.cfg.bus)
	}
}

// all returns the tiers, innermost first.
func (st *stack) all() []*Store { return *st.tiers.Load() }

// buckets returns how many the floors for this tier's cache take.
func (s *Store) buckets() int {
	if sized, ok := s.cache.(interface{ MaxEntries() int64 }); ok {
		return bucketsFor(sized.MaxEntries())
	}
	return defaultBuckets
}

// serves reports whether an entry of a local cache may be served. It was accepted
// under its fence, so its AsOf is not below the base of that one; what may have risen
// since is its floor. Mostly no key of its bucket has changed.
func (st *stack) serves(e *Entry, now int64) bool {
	asOf := int64(e.Versioned.AsOf.Revision)
	return e.fence == st.fence.Load() && now < e.expires && st.reader.Serves(now) &&
		(asOf >= e.bucket.newest.Load() || asOf >= e.bucket.floor(e.tag))
}

// StartOver implements [follow.Follower]: it flushes.
func (st *stack) StartOver(at tenancy.Position) {
	old := st.fence.Load()
	st.fence.Store(newFence(old, at.Revision, old.buckets()))
}

// Obey implements [follow.Follower]: it raises the floors of what c touches.
func (st *stack) Obey(c tenancy.Change, live bool) {
	fence := st.fence.Load()
	if c.Kind == tenancy.ChangeReset {
		st.fence.Store(fence.reset(c.Position.Revision))
	}
	for _, k := range c.Keys {
		fence.raise(k, c.Position.Revision)
	}
	if !live { // floors are enough for what is replayed: others have applied it
		return
	}
	for _, s := range st.all() {
		if s.applier != nil {
			s.applier.enqueue(c)
		}
	}
}

// Obeyed implements [follow.Follower].
func (st *stack) Obeyed(c tenancy.Change) { st.observers.obeyed(c) }

// Contact implements [follow.Follower].
func (st *stack) Contact(lost bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.lost = lost
	for _, s := range st.all() {
		s.noteContact(lost)
	}
}

// wrote follows the log after a write. If it cannot, loads that are under way are for
// nobody who comes later. It reports whether the log was read.
func (st *stack) wrote(ctx context.Context, newest tenancy.Position) bool {
	err := st.reader.Wrote(ctx, newest)
	if err != nil {
		st.reader.Hold(func(tenancy.Position) { st.fence.Store(st.fence.Load().nextEpoch()) })
	}
	return err == nil
}

// noteUnlogged empties the caches of the stack: the log will not say what in them is
// outdated.
func (st *stack) noteUnlogged(ctx context.Context, cfg config) {
	st.unlogged.Add(1)
	cfg.logger.Error("tenancy: the change log does not show a write; caches flushed", "error", errUnlogged)
	st.flush()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyTimeout)
	defer cancel()
	for _, s := range st.all() {
		if !s.shared {
			continue
		}
		if _, err := s.cache.InvalidateAll(ctx); err != nil {
			s.stats.errors.Add(1)
		}
	}
	st.flush() // local ones were filled with it until then
}

// flush makes everything that local caches hold so far unservable, and what shared
// ones hold from before the newest change.
func (st *stack) flush() {
	st.reader.Hold(func(at tenancy.Position) {
		if fence := st.fence.Load(); at.IsZero() {
			st.fence.Store(fence.nextEpoch())
		} else {
			st.fence.Store(fence.reset(at.Revision))
		}
	})
}
