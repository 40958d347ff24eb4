package tier

import (
	"context"
	"errors"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// GetByID implements [tenancy.Store]. A hit does not allocate, and is given to an
// ended context too.
func (s *Store) GetByID(ctx context.Context, id string) (tenancy.Tenant, error) {
	e := s.hit(ctx, tenancy.IDKey(id), 0)
	if e == nil || e.Negative() {
		return s.answer(ctx, "GetByID", tenancy.IDKey(id), e)
	}
	return e.Versioned.Tenant, nil
}

// GetByIdentifier implements [tenancy.Store]. A hit does not allocate, and is
// given to an ended context too.
func (s *Store) GetByIdentifier(ctx context.Context, identifier string) (tenancy.Tenant, error) {
	e := s.hit(ctx, tenancy.IdentifierKey(identifier), 0)
	if e == nil || e.Negative() {
		return s.answer(ctx, "GetByIdentifier", tenancy.IdentifierKey(identifier), e)
	}
	return e.Versioned.Tenant, nil
}

// answer is the part of a lookup that need not be fast. e is the hit, if there was
// one.
func (s *Store) answer(ctx context.Context, op string, key tenancy.Key, e *Entry) (tenancy.Tenant, error) {
	if e == nil {
		var err error
		if e, err = s.lookup(ctx, key); err != nil {
			return tenancy.Tenant{}, driver.ErrorIn(op, key, err)
		}
	}
	if e.Negative() {
		return tenancy.Tenant{}, driver.ErrorIn(op, key, tenancy.ErrNotFound)
	}
	return e.Versioned.Tenant, nil
}

// Exists implements [tenancy.Store]. It is answered from entries by ID.
func (s *Store) Exists(ctx context.Context, id string) (bool, error) {
	e := s.hit(ctx, tenancy.IDKey(id), 0)
	if e == nil {
		var err error
		if e, err = s.lookup(ctx, tenancy.IDKey(id)); err != nil {
			return false, driver.ErrorIn("Exists", tenancy.IDKey(id), err)
		}
	}
	return !e.Negative(), nil
}

// hit returns the entry of a local cache if it may be served and is as new as asked
// for, or nil.
func (s *Store) hit(ctx context.Context, key tenancy.Key, least tenancy.Revision) *Entry {
	if s.shared || s.calls.Over() {
		return nil
	}
	r, err := s.cache.Get(ctx, key)
	e := r.Entry
	if err != nil || e == nil {
		s.stats.misses.Add(1)
		return nil
	}
	now := s.stack.reader.Now()
	if !s.stack.serves(e, now) || e.Key != key || e.Versioned.AsOf.Revision < least {
		s.stats.stale.Add(1)
		return nil
	}
	if e.Negative() {
		s.stats.negatives.Add()
	} else {
		s.stats.hits.Add()
	}
	if now >= e.refresh {
		s.refresh(ctx, key)
	}
	return e
}

// filled returns the entry of a local cache that another load has put there since
// the lookup that is to begin one found nothing, or nil.
func (s *Store) filled(ctx context.Context, key tenancy.Key, least tenancy.Revision) *Entry {
	r, err := s.cache.Get(ctx, key)
	e, now := r.Entry, s.stack.reader.Now()
	if err != nil || e == nil || !s.stack.serves(e, now) || e.Key != key ||
		now >= e.refresh || e.Versioned.AsOf.Revision < least {
		return nil
	}
	return e
}

// lookup returns a current entry under key, which was no hit.
func (s *Store) lookup(ctx context.Context, key tenancy.Key) (e *Entry, err error) {
	if err := key.Validate(); err != nil { // a malformed key is never cached, and goes no further
		return nil, err
	}
	call, err := s.calls.Enter(ctx)
	defer call.Leave(&err)
	if err != nil {
		return nil, err
	}
	return s.observedMiss(call, WorkMiss, key)
}

// miss loads key from below, together with everybody else who wants it now.
func (s *Store) miss(ctx context.Context, key tenancy.Key, least tenancy.Revision) (*Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.stack.reader.Ready(ctx); err != nil {
		return nil, err
	}
	for {
		// The floor as it is now: somebody who returned before us may have seen
		// the change that raised it.
		fence := s.stack.fence.Load()
		floor := max(least, fence.floor(key))
		e, err := s.flights.join(ctx, flightKey{key, fence.epoch}, floor, s)
		if errors.Is(err, tenancy.ErrCompacted) && (s.stack.fence.Load().epoch != fence.epoch || floor <= s.stack.reader.Position().Revision) {
			continue // the floor was of a history that the database lost, or somebody else asked for too much
		}
		if err != nil {
			return nil, err
		}
		if e.Versioned.AsOf.Revision >= floor && s.stack.fence.Load().epoch == fence.epoch {
			return e, nil
		}
		// Loaded before what we must not miss, or flushed meanwhile: again.
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}
