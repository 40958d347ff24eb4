package replica

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/internal/table"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// GetByID implements [tenancy.Store]. A hit does not allocate, and is given to an ended
// context too.
func (s *Store) GetByID(ctx context.Context, id string) (tenancy.Tenant, error) {
	if r := s.hit(tenancy.IDKey(id)); r != nil {
		return r.Tenant, nil
	}
	return s.get(ctx, "GetByID", tenancy.IDKey(id))
}

// GetByIdentifier implements [tenancy.Store]. A hit does not allocate, and is given to an
// ended context too.
func (s *Store) GetByIdentifier(ctx context.Context, identifier string) (tenancy.Tenant, error) {
	if r := s.hit(tenancy.IdentifierKey(identifier)); r != nil {
		return r.Tenant, nil
	}
	return s.get(ctx, "GetByIdentifier", tenancy.IdentifierKey(identifier))
}

// Exists implements [tenancy.Store].
func (s *Store) Exists(ctx context.Context, id string) (bool, error) {
	if s.hit(tenancy.IDKey(id)) != nil {
		return true, nil
	}
	_, found, err := s.lookup(ctx, tenancy.IDKey(id))
	return found, driver.ErrorIn("Exists", tenancy.IDKey(id), err)
}

// hit returns the record under k if it is in memory and may be served.
func (s *Store) hit(k tenancy.Key) *table.Record {
	if !s.reader.Serves(s.reader.Now()) {
		return nil
	}
	r := s.table.Find(k)
	if r != nil {
		s.stats.hits.Add()
	}
	return r
}

// get is the part of a lookup that need not be fast.
func (s *Store) get(ctx context.Context, op string, k tenancy.Key) (tenancy.Tenant, error) {
	t, found, err := s.lookup(ctx, k)
	if err == nil && !found {
		err = tenancy.ErrNotFound
	}
	return t, driver.ErrorIn(op, k, err)
}

func (s *Store) lookup(ctx context.Context, k tenancy.Key) (t tenancy.Tenant, found bool, err error) {
	if err := k.Validate(); err != nil {
		return t, false, err
	}
	if s.reader.Serving() {
		if r := s.table.Find(k); r != nil {
			s.stats.hits.Add()
			return r.Tenant, true, nil
		}
		if s.reader.Serving() { // else memory was emptied, perhaps
			s.stats.absent.Add()
			return t, false, nil
		}
	}
	loaded, err := follow.Call(ctx, &s.Decorator, "Load", func(ctx context.Context) ([]tenancy.Versioned, error) {
		return s.loadBelow(ctx, []tenancy.Lookup{{Key: k}})
	})
	if err != nil {
		return t, false, err
	}
	return loaded[0].Tenant, loaded[0].Found, nil
}

// Load implements [tenancy.Source]. It is answered from memory if that is exactly as of a
// position which is new enough.
func (s *Store) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	return follow.Call(ctx, &s.Decorator, "Load", func(ctx context.Context) ([]tenancy.Versioned, error) {
		least := tenancy.Revision(0)
		for _, l := range want {
			if err := l.Key.Validate(); err != nil {
				return nil, err
			}
			least = max(least, l.Min)
		}
		if loaded := s.loadMemory(want, least); loaded != nil {
			return loaded, nil
		}
		return s.loadBelow(ctx, want)
	})
}

// loadMemory returns what memory holds, or nil if it is not as of one position, or that is
// too old, or if names are wanted.
func (s *Store) loadMemory(want []tenancy.Lookup, least tenancy.Revision) []tenancy.Versioned {
	if slices.ContainsFunc(want, func(l tenancy.Lookup) bool { return !l.Key.OfField() }) {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.at.IsZero() || least > s.at.Revision || !s.reader.IsWhole() || !s.reader.Serving() {
		return nil
	}
	out := make([]tenancy.Versioned, len(want))
	for i, l := range want {
		out[i].AsOf = s.at
		if r := s.table.Find(l.Key); r != nil {
			out[i].Tenant, out[i].Found = r.Tenant, true
		}
	}
	return out
}

// loadAttempts is how often a load is tried again because the log went back meanwhile.
const loadAttempts = 10

// loadBelow loads from the source, not older than what was followed, and follows the log
// to what it returns, so that later hits are not older.
func (s *Store) loadBelow(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	s.stats.below.Add(1)
	if s.isRefused() {
		return s.source.Load(ctx, want)
	}
	least := tenancy.Revision(0)
	for range loadAttempts {
		least = max(least, s.reader.Position().Revision)
		lookups := slices.Clone(want)
		for i := range lookups {
			lookups[i].Min = max(lookups[i].Min, least)
		}
		loaded, err := s.source.Load(ctx, lookups)
		if err == nil {
			err = s.accept(ctx, want, loaded)
		}
		switch {
		case errors.Is(err, errDenied): // by a cache below, which may not know yet
			least = tenancy.Latest
		case !errors.Is(err, tenancy.ErrCompacted):
			return loaded, err
		case isAhead(want, s.reader.Position()): // the caller asks for what is not there
			return nil, err
		default: // the log went back
			if err := s.reader.Follow(ctx); err != nil {
				return nil, err
			}
			least = 0
		}
	}
	return nil, fmt.Errorf("%w: the change log starts over again and again", tenancy.ErrUnavailable)
}

var errDenied = errors.New("it was loaded from a history that the database has lost")

// accept follows the log to what was loaded, and fails if it does not lie in its history,
// or is older than what the caller wants.
func (s *Store) accept(ctx context.Context, want []tenancy.Lookup, loaded []tenancy.Versioned) error {
	if s.reader.Restoring() {
		return nil
	}
	for i, v := range loaded {
		verdict, err := s.reader.Accept(ctx, v.AsOf)
		switch {
		case err != nil:
			return err
		case verdict != follow.Confirmed:
			return errDenied
		case want[i].Min != tenancy.Latest && v.AsOf.Revision < want[i].Min:
			return tenancy.ErrCompacted
		}
	}
	return s.reader.Settle(ctx)
}

// isAhead reports whether somebody wants more than the log has, which was followed to at.
func isAhead(want []tenancy.Lookup, at tenancy.Position) bool {
	return slices.ContainsFunc(want, func(l tenancy.Lookup) bool { return l.Min != tenancy.Latest && l.Min > at.Revision })
}
