package tier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const (
	// How often a load is tried again because the reader of the log started over meanwhile
	// (a restore, a trimmed log), so that it cannot judge what was loaded before.
	// Each of these is rare; several in a row are an outage.
	loadAttempts = 10
	// How long the first look for what the holder of a lease fills in waits; each
	// one doubles it, up to maxLeasePoll.
	leasePoll    = 5 * time.Millisecond
	maxLeasePoll = 50 * time.Millisecond
	// How long it may take to give back the leases of a failed load. Those that are
	// left end by themselves.
	releaseTimeout = 100 * time.Millisecond
)

// load returns an accepted entry for key, from a shared cache that answered a
// (cached) or from below, and puts it into the cache.
func (s *Store) load(ctx context.Context, key tenancy.Key, least tenancy.Revision, a answer) (e *Entry, cached bool, err error) {
	g := grant{token: a.Token}
	defer func() {
		if e == nil { // it failed, perhaps by a panic
			s.release(ctx, lease{key, g.token})
		}
	}()
	if err := s.beginLoad(ctx); err != nil {
		return nil, false, err
	}
	defer s.endLoad()
	if !s.shared {
		e, err = s.loadBelow(ctx, key, least, grant{LocalToken, true})
		return e, false, err
	}
	if e, g, err = s.fromShared(ctx, key, least, a); e != nil || err != nil {
		return e, true, err
	}
	e, err = s.loadBelow(ctx, key, least, g)
	return e, false, err
}

// beginLoad waits until few enough loads are under way. endLoad follows.
func (s *Store) beginLoad(ctx context.Context) error {
	select {
	case s.loads <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) endLoad() { <-s.loads }

// grant says whether a load may fill the cache, and by which lease. Over an older
// entry it may without one. After trouble with the cache it may not: a cache that
// hangs must not be waited for twice.
type grant struct {
	token Token
	fill  bool
}

// answer is what a shared cache said; not ok if it cannot be used now.
type answer struct {
	Result
	ok bool
}

// ask asks the shared cache once.
func (s *Store) ask(ctx context.Context, key tenancy.Key) answer {
	if !s.stack.reader.Serving() {
		s.stats.unanswered.Add(1)
		return answer{}
	}
	r, err := s.getShared(ctx, key)
	if err != nil { // which is no trouble of the caller
		s.stats.errors.Add(1)
		s.stats.unanswered.Add(1)
	}
	return answer{r, err == nil}
}

// fromShared judges what the shared cache answered, and asks it again for a moment
// if another process is about to fill it. It returns an entry that may be served,
// or what a load may do.
func (s *Store) fromShared(ctx context.Context, key tenancy.Key, least tenancy.Revision, a answer) (*Entry, grant, error) {
	deadline := time.Now().Add(s.cfg.leaseWait)
	for wait := leasePoll; ; wait = min(2*wait, maxLeasePoll) {
		if !a.ok {
			return nil, grant{}, ctx.Err()
		}
		if a.Entry != nil {
			ok, err := s.acceptCached(ctx, a.Entry, key, least)
			if err != nil {
				return nil, grant{}, err
			}
			if ok {
				return a.Entry, grant{}, nil
			}
			s.stats.stale.Add(1)
			return nil, grant{fill: true}, nil // loadBelow repairs it: put replaces an older entry
		}
		if a.Token != 0 || time.Until(deadline) < wait {
			s.stats.misses.Add(1)
			return nil, grant{a.Token, a.Token != 0}, nil
		}
		select {
		case <-ctx.Done():
			s.stats.misses.Add(1)
			return nil, grant{}, ctx.Err()
		case <-time.After(wait):
		}
		a = s.ask(ctx, key)
	}
}

// acceptCached reports whether an entry of the shared cache may be served. It
// follows the log if the entry is newer than that was followed.
func (s *Store) acceptCached(ctx context.Context, e *Entry, key tenancy.Key, least tenancy.Revision) (bool, error) {
	if s.acceptKnown(e, key, least) {
		return true, nil
	}
	if !e.holds(key) {
		s.stats.errors.Add(1)
		return false, nil
	}
	if e.Versioned.AsOf.Revision < max(least, s.stack.fence.Load().floor(key)) {
		return false, nil
	}
	v, err := s.stack.reader.Accept(ctx, e.Versioned.AsOf)
	if err != nil {
		return false, err
	}
	if v == follow.Denied {
		s.stats.denied.Add(1)
		if err := s.cache.Drop(ctx, e); err != nil {
			s.stats.errors.Add(1)
		}
	}
	return v == follow.Confirmed && s.acceptKnown(e, key, least), nil
}

// acceptKnown reports whether an entry of the shared cache may be served by what
// the log has said so far.
func (s *Store) acceptKnown(e *Entry, key tenancy.Key, least tenancy.Revision) bool {
	if !e.holds(key) || s.stack.reader.Check(e.Versioned.AsOf) != follow.Confirmed ||
		e.Versioned.AsOf.Revision < max(least, s.stack.fence.Load().floor(key)) {
		return false
	}
	if e.Negative() {
		s.stats.negatives.Add()
	} else {
		s.stats.hits.Add()
	}
	return true
}

// loadBelow loads key from the store below, follows the log to what it got, and
// fills the cache.
func (s *Store) loadBelow(ctx context.Context, key tenancy.Key, least tenancy.Revision, g grant) (*Entry, error) {
	for range loadAttempts {
		fence := s.stack.fence.Load()
		// What is older than the marks could not be accepted, though it may be current.
		lookup := tenancy.Lookup{Key: key, Min: max(least, fence.floor(key), s.stack.reader.Oldest())}
		if s.shared || !s.stack.reader.Serving() {
			// What fills a shared cache must not come out of a cache: it may be
			// older than a change that was applied to the shared one already.
			lookup.Min = tenancy.Latest
		}
		snapshots, err := s.askBelow(ctx, []tenancy.Lookup{lookup})
		if err == nil && snapshots[0].AsOf.Revision < least { // Latest is before least
			err = tenancy.ErrCompacted
		}
		switch {
		case errors.Is(err, tenancy.ErrCompacted): // the log went back behind our floors, or least was never in it
			if err := s.stack.reader.Follow(ctx); err != nil {
				return nil, err
			}
			if least > s.stack.reader.Position().Revision {
				return nil, err
			}
			continue
		case err != nil:
			return nil, err
		}
		e := s.newEntry(key, snapshots[0], fence)
		v, err := s.stack.reader.Accept(ctx, e.Versioned.AsOf)
		if err != nil {
			return nil, err
		}
		if v == follow.Confirmed {
			if g.fill {
				s.fill(ctx, e, g.token)
			}
			return e, nil
		}
	}
	return nil, errUnsettled
}

var errUnsettled = fmt.Errorf("%w: the change log changes its history again and again", tenancy.ErrUnavailable)

// newEntry returns the entry of a snapshot that was loaded under fence.
func (s *Store) newEntry(key tenancy.Key, snapshot tenancy.Versioned, fence *fence) *Entry {
	e := &Entry{Key: ownKey(key, snapshot), Versioned: snapshot, TTL: s.cfg.ttl, fence: fence}
	e.bucket, e.tag = fence.bucket(key)
	if e.Negative() {
		e.TTL = s.cfg.negativeTTL
	}
	e.TTL = jitter(e.TTL)
	now := s.stack.reader.Now()
	e.expires = now + int64(e.TTL)
	e.refresh = e.expires
	if s.cfg.refreshAhead < 1 && !e.Negative() {
		e.refresh = now + int64(s.cfg.refreshAhead*float64(e.TTL))
	}
	return e
}

// ownKey returns key with a text that an entry may keep: the one that the caller
// looked up may be a part of a whole request.
func ownKey(key tenancy.Key, snapshot tenancy.Versioned) tenancy.Key {
	switch t := &snapshot.Tenant; key.Value {
	case t.ID:
		key.Value = t.ID
	case t.Identifier:
		key.Value = t.Identifier
	default:
		key.Value = strings.Clone(key.Value)
	}
	return key
}

// fill puts an accepted entry into the cache. Trouble with the cache is no
// trouble of the caller.
func (s *Store) fill(ctx context.Context, e *Entry, token Token) {
	if s.withholds(ctx, e, token) {
		return
	}
	switch err := s.cache.Put(ctx, token, e); {
	case err == nil:
		s.stats.fills.Add(1)
	case errors.Is(err, ErrUncacheable):
		s.stats.uncacheable.Add(1)
	default:
		s.stats.errors.Add(1)
		s.stats.unfilled.Add(1)
	}
}

// withholds reports whether the store could not read all of what e holds. That it is
// missing is nothing to tell other processes: they may have the key. The lease is given
// back.
func (s *Store) withholds(ctx context.Context, e *Entry, token Token) bool {
	t := &e.Versioned.Tenant
	if !s.shared || t.DatabaseURL.Err() == nil && t.Metadata.Err() == nil {
		return false
	}
	s.stats.uncacheable.Add(1)
	s.release(ctx, lease{e.Key, token})
	return true
}

// timed bounds a call that others may be waiting for: the end of ctx is the caller's
// own, and may never come. late is the error if d is over.
func timed[T any](ctx context.Context, d time.Duration, late error, call func(context.Context) (T, error)) (T, error) {
	limited, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	result, err := call(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		err = late
	}
	return result, err
}

// lease is what Result says of one: Token is 0 if it was not granted.
type lease struct {
	key   tenancy.Key
	token Token
}

// release gives back the leases that were granted, also when ctx has ended.
func (s *Store) release(ctx context.Context, leases ...lease) {
	leases = slices.DeleteFunc(leases, func(l lease) bool { return l.token == 0 })
	if len(leases) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	for _, l := range leases {
		if err := s.cache.Release(ctx, l.key, l.token); err != nil {
			s.stats.errors.Add(1)
			return // it will not be better for the rest
		}
	}
}
