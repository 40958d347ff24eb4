package tier

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// loadAttempts is how often a load is tried again because the reader of the log started
// over meanwhile (a restore, a trimmed log), so that it cannot judge what was loaded before.
// Each of these is rare; several in a row are an outage.
const loadAttempts = 10

// lookup is a key on its way through the stack: from the shared cache to the store below,
// and back into the caches. A lookup of one key is a batch of one.
type lookup struct {
	key   tenancy.Key
	least tenancy.Revision // the answer must be as of; Latest is of no cache
	floor tenancy.Revision // of the key, when the store below was asked
	entry *Entry           // the answer, once there is one

	// Of the shared cache:
	found  *Entry // what it has, to be judged
	cached bool   // that is the answer
	token  Token  // the lease to fill it, or 0
	leased bool   // somebody else is to fill it
	fill   bool   // it is to be filled: by the lease, or over an outdated entry
}

// miss returns an entry under key that is current when it is called, and as new as asked
// for. It shares the load with everybody else who wants the key now.
func (s *Store) miss(ctx context.Context, key tenancy.Key, least tenancy.Revision) (*Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.reader.Ready(ctx); err != nil {
		return nil, err
	}
	// The floor as it is now: somebody who returned before us may have seen the change that
	// raised it.
	fence := s.fence.Load()
	floor := max(least, fence.floor(key))
	for {
		flight := flightKey{key, fence.epoch, least}
		e, fl, err := s.share(ctx, flight)
		if err != nil {
			return nil, err
		}
		now := s.fence.Load()
		flushed := now.epoch != fence.epoch
		if e.Versioned.AsOf.Revision >= floor && !flushed {
			return e, nil
		}
		s.flights.forget(flight, fl) // loaded before what we must not miss, or flushed meanwhile
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if flushed {
			fence, floor = now, max(least, now.floor(key))
		}
	}
}

// share waits for the flight of key, which it begins if there is none.
func (s *Store) share(ctx context.Context, key flightKey) (*Entry, *flight, error) {
	fl, first, over := s.flights.join(key)
	if first {
		e, err := s.beginFlight(ctx, key, fl)
		return e, fl, err
	}
	s.stats.coalesced.Add(1)
	e, err := s.flights.wait(ctx, key, fl)
	if s.shared != nil && s.local.Load() == nil { // else it was a miss of the local cache
		if err == nil && (over || fl.cached) {
			s.shared.stats.served(e)
		} else {
			s.shared.stats.misses.Add(1)
		}
	}
	return e, fl, err
}

// ask gives l what a cache has, if the log has confirmed it. asked says that the shared
// cache has answered.
func (s *Store) ask(ctx context.Context, l *lookup) (asked bool, err error) {
	defer s.recovered(&err)
	if local := s.local.Load(); local != nil {
		if l.entry = s.filled(local, l); l.entry != nil {
			return false, nil
		}
	}
	asked = s.askShared(ctx, []*lookup{l})
	if asked && s.take(l) {
		s.fillLocal(l)
	}
	return asked, nil
}

// filled returns the entry of the local cache that another load has put there since
// the lookup that is to begin one found nothing, or nil.
func (s *Store) filled(local *local, l *lookup) *Entry {
	e, now := local.Get(l.key), s.reader.Now()
	if e == nil || !s.serves(e, now) || e.Key != l.key || now >= e.refresh || e.Versioned.AsOf.Revision < l.least {
		return nil
	}
	return e
}

// loadMisses finds the entries of lookups that the local cache could not answer.
func (s *Store) loadMisses(ctx context.Context, lookups []*lookup) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.reader.Ready(ctx); err != nil {
		return err
	}
	return s.place(ctx, lookups, func(ctx context.Context) error {
		if err := s.load(ctx, lookups, s.askShared(ctx, lookups)); err != nil {
			return err
		}
		s.fillShared(ctx, lookups)
		return nil
	})
}

// place waits for a place among the loads under way, and calls do in it, as limited does.
func (s *Store) place(ctx context.Context, lookups []*lookup, do func(context.Context) error) error {
	return s.limited(ctx, lookups, func(ctx context.Context) error {
		select {
		case s.loads <- struct{}{}:
			defer func() { <-s.loads }()
		case <-ctx.Done():
			return ctx.Err()
		}
		return do(ctx)
	})
}

// limited calls do, which works for lookups, within the load timeout. If it fails, it gives
// back their leases. A panic is an error: others may be waiting for the load.
func (s *Store) limited(ctx context.Context, lookups []*lookup, do func(context.Context) error) (err error) {
	limited, stop := context.WithTimeoutCause(ctx, s.cfg.loadTimeout, errLoadTimeout)
	defer stop()
	defer func() {
		if err != nil && limited.Err() != nil && ctx.Err() == nil {
			err = context.Cause(limited) // the reason of the load, which is not its waiters' context
		}
		if err != nil {
			s.release(ctx, lookups...)
		}
	}()
	defer s.recovered(&err)
	return do(limited)
}

var errLoadTimeout = fmt.Errorf("%w: a load took longer than the load timeout", tenancy.ErrUnavailable)

// recovered makes an error of the panic of a load. It is deferred.
func (s *Store) recovered(err *error) {
	if p := recover(); p != nil {
		s.cfg.logger.Error("tenancy: panic in a load", "panic", p, "stack", string(debug.Stack()))
		*err = fmt.Errorf("%w: panic in a load: %v", tenancy.ErrUnavailable, p)
	}
}

// load gives each of lookups its entry, from the shared cache if that was asked, or from
// below, and puts them into the local cache.
func (s *Store) load(ctx context.Context, lookups []*lookup, asked bool) error {
	rest := lookups
	if s.shared != nil {
		var err error
		if rest, err = s.fromShared(ctx, lookups, asked); err != nil {
			return err
		}
	}
	if len(rest) > 0 {
		if err := s.fromBelow(ctx, rest); err != nil {
			return err
		}
	}
	s.fillLocal(lookups...)
	return nil
}

// fromBelow gives each of lookups its entry from the store below. It follows the log to
// what it got: before that, a later read could go back behind it.
func (s *Store) fromBelow(ctx context.Context, lookups []*lookup) error {
	want := make([]tenancy.Lookup, len(lookups))
	for range loadAttempts {
		fence, oldest := s.fence.Load(), s.reader.Oldest()
		for i, l := range lookups {
			l.floor = fence.floor(l.key)
			// What is older than the marks could not be accepted, though it may be current.
			want[i] = tenancy.Lookup{Key: l.key, Min: max(l.least, l.floor, oldest)}
			if s.shared != nil || !s.reader.Serving() {
				// What fills a shared cache must not come out of a cache: it may be
				// older than a change that was applied to the shared one already.
				want[i].Min = tenancy.Latest
			}
		}
		got, err := s.askBelow(ctx, want)
		if err == nil && wentBack(lookups, got) {
			err = tenancy.ErrCompacted
		}
		switch {
		case errors.Is(err, tenancy.ErrCompacted): // the log went back behind our floors, or least was never in it
			if err := s.reader.Follow(ctx); err != nil {
				return err
			}
			newest := s.reader.Position().Revision
			if slices.ContainsFunc(lookups, func(l *lookup) bool { return l.least > newest && l.least != tenancy.Latest }) {
				return err
			}
			continue
		case err != nil:
			return err
		}
		ok, err := s.acceptAll(ctx, got)
		if err != nil {
			return err
		}
		if ok && s.fence.Load().epoch == fence.epoch {
			for i, l := range lookups {
				l.entry = s.newEntry(l.key, got[i], fence)
			}
			return nil
		}
	}
	return errUnsettled
}

var errUnsettled = fmt.Errorf("%w: the change log changes its history again and again", tenancy.ErrUnavailable)

// wentBack reports whether the newest that the store below has is older than what it must
// be as of: its log has lost something.
func wentBack(lookups []*lookup, got []tenancy.Versioned) bool {
	for i, l := range lookups {
		least := l.floor
		if l.least != tenancy.Latest {
			least = max(least, l.least)
		}
		if got[i].AsOf.Revision < least {
			return true
		}
	}
	return false
}

// acceptAll follows the log to what was loaded, and reports whether it has confirmed all.
func (s *Store) acceptAll(ctx context.Context, got []tenancy.Versioned) (bool, error) {
	var last tenancy.Position // most share one
	for i, v := range got {
		if i > 0 && v.AsOf == last {
			continue
		}
		verdict, err := s.reader.Accept(ctx, v.AsOf)
		if err != nil || verdict != follow.Confirmed {
			return false, err
		}
		last = v.AsOf
	}
	return true, nil
}

// askBelow loads from the store below.
func (s *Store) askBelow(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	s.stats.loads.Add(1)
	var kind tenancy.KeyKind
	if len(want) == 1 {
		kind = want[0].Key.Kind
	}
	return observed(ctx, &s.observers, WorkLoad, kind, func(ctx context.Context) ([]tenancy.Versioned, error) {
		return s.below.Load(ctx, want)
	})
}

// fillLocal puts the entries of lookups into the local cache.
func (s *Store) fillLocal(lookups ...*lookup) {
	l := s.local.Load()
	if l == nil {
		return
	}
	for _, filling := range lookups {
		if e := filling.entry; e.fence != nil { // else the local cache has come since
			l.Put(e)
			l.stats.fills.Add(1)
		}
	}
}
