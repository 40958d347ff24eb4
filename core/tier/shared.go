package tier

import (
	"context"
	"time"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const (
	// How long the first look for what the holder of a lease fills in waits; each
	// one doubles it, up to maxLeasePoll.
	leasePoll    = 5 * time.Millisecond
	maxLeasePoll = 50 * time.Millisecond
	// How long it may take to give back the leases of a failed load. Those that are
	// left end by themselves.
	releaseTimeout = 100 * time.Millisecond
)

// askShared asks the shared cache for each of lookups, and reports whether it has
// answered. That it fails is no failure of the caller.
func (s *Store) askShared(ctx context.Context, lookups []*lookup) bool {
	if s.shared == nil || !s.reader.Serving() {
		return false
	}
	keys := make([]tenancy.Key, len(lookups))
	for i, l := range lookups {
		keys[i] = l.key
	}
	var kind tenancy.KeyKind
	if len(keys) == 1 {
		kind = keys[0].Kind
	}
	results, err := observed(ctx, &s.observers, WorkGet, kind, func(ctx context.Context) ([]Result, error) { return s.shared.Get(ctx, keys) })
	if err != nil {
		s.shared.stats.errors.Add(1)
		return false
	}
	for i, l := range lookups {
		l.found, l.token, l.leased = results[i].Entry, results[i].Token, results[i].Leased
	}
	return true
}

// fromShared gives lookups the entries that the shared cache has answered with if asked,
// and returns those that have to be loaded from below. Where another process is about to
// fill it with all of these, it waits for a moment and asks again.
func (s *Store) fromShared(ctx context.Context, lookups []*lookup, asked bool) (rest []*lookup, err error) {
	deadline := time.Now().Add(s.shared.cfg.leaseWait)
	rest = lookups
	for wait := leasePoll; ; wait = min(2*wait, maxLeasePoll) {
		if !asked { // one that hangs must not be waited for twice
			s.shared.stats.unanswered.Add(int64(len(rest)))
			for _, l := range rest {
				l.fill = false
			}
			return rest, ctx.Err()
		}
		if rest, err = s.judge(ctx, rest); err != nil {
			return nil, err
		}
		if len(rest) == 0 || mustLoad(rest) || time.Until(deadline) < wait {
			break
		}
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(wait):
			asked = s.askShared(ctx, rest)
			continue
		}
		break
	}
	for _, l := range rest {
		switch {
		case l.found != nil: // counted as stale
		case l.fill || l.leased:
			s.shared.stats.misses.Add(1)
		default: // not reached
			s.shared.stats.unanswered.Add(1)
		}
	}
	return rest, err
}

// judge gives lookups the entries that the shared cache has found if they may be served. It
// follows the log to those that are newer than what was followed. It returns the others.
func (s *Store) judge(ctx context.Context, lookups []*lookup) (rest []*lookup, err error) {
	for _, l := range lookups {
		if l.found != nil && l.least != tenancy.Latest {
			ok, err := s.accept(ctx, l)
			if err != nil {
				return nil, err
			}
			if ok {
				continue
			}
			s.shared.stats.stale.Add(1)
		}
		l.fill = l.found != nil || l.token != 0
		rest = append(rest, l)
	}
	return rest, nil
}

// mustLoad reports whether one of lookups is for this process to load: the others are then
// loaded with it.
func mustLoad(lookups []*lookup) bool {
	for _, l := range lookups {
		if !l.leased || l.least == tenancy.Latest {
			return true
		}
	}
	return false
}

// accept is take, after the log was followed to what the shared cache has found.
func (s *Store) accept(ctx context.Context, l *lookup) (bool, error) {
	if !l.found.holds(l.key) {
		s.shared.stats.errors.Add(1)
		return false, nil
	}
	if l.found.Versioned.AsOf.Revision < max(l.least, s.fence.Load().floor(l.key)) {
		return false, nil
	}
	verdict, err := s.reader.Accept(ctx, l.found.Versioned.AsOf)
	if err != nil {
		return false, err
	}
	if verdict == follow.Denied {
		s.shared.stats.denied.Add(1)
		if err := s.shared.Drop(ctx, l.found); err != nil {
			s.shared.stats.errors.Add(1)
		}
	}
	return s.take(l), nil
}

// take makes what the shared cache has found the answer, if it may be served by what the
// log has said so far, and reports whether it is.
func (s *Store) take(l *lookup) bool {
	e, fence := l.found, s.fence.Load()
	if e == nil || l.least == tenancy.Latest || !e.holds(l.key) ||
		e.Versioned.AsOf.Revision < max(l.least, fence.floor(l.key)) || s.reader.Check(e.Versioned.AsOf) != follow.Confirmed {
		return false
	}
	s.shared.stats.served(e)
	l.entry, l.cached = s.newEntry(l.key, e.Versioned, fence), true
	return true
}

// fillShared puts what was loaded into the shared cache, where that may be.
func (s *Store) fillShared(ctx context.Context, lookups []*lookup) {
	if s.shared == nil {
		return
	}
	stats := &s.shared.stats
	var fills []Fill
	for _, l := range lookups {
		switch {
		case !l.fill:
		case withheld(&l.entry.Versioned.Tenant):
			stats.uncacheable.Add(1)
			s.release(ctx, l)
		default:
			e := &Entry{Key: l.entry.Key, Versioned: l.entry.Versioned}
			e.TTL = s.shared.cfg.lifetime(e)
			fills = append(fills, Fill{e, l.token})
		}
	}
	if len(fills) == 0 {
		return
	}
	uncacheable, err := s.shared.Put(ctx, fills)
	stats.uncacheable.Add(int64(uncacheable))
	filled := int64(len(fills) - uncacheable)
	if err != nil {
		stats.errors.Add(1)
		stats.unfilled.Add(filled)
		return
	}
	stats.fills.Add(filled)
}

// withheld reports whether the store could not read all of t. That it is missing is nothing
// to tell other processes: they may have the key.
func withheld(t *tenancy.Tenant) bool { return t.DatabaseURL.Err() != nil || t.Metadata.Err() != nil }

// release gives back the leases of lookups, also when ctx has ended.
func (s *Store) release(ctx context.Context, lookups ...*lookup) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	defer s.recovered(new(error)) // nobody is told of it
	for _, l := range lookups {
		if l.token == 0 {
			continue
		}
		if err := s.shared.Release(ctx, l.key, l.token); err != nil {
			s.shared.stats.errors.Add(1)
			return // it will not be better for the rest
		}
		l.token = 0
	}
}
