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
	k := tenancy.IDKey(id)
	r, known := s.find(k)
	switch {
	case r != nil:
		return r.Tenant, nil
	case known:
		return tenancy.Tenant{}, s.absent("GetByID", k)
	}
	return s.getBelow(ctx, "GetByID", k)
}

// GetByIdentifier implements [tenancy.Store]. A hit does not allocate, and is given to an
// ended context too.
func (s *Store) GetByIdentifier(ctx context.Context, identifier string) (tenancy.Tenant, error) {
	k := tenancy.IdentifierKey(identifier)
	r, known := s.find(k)
	switch {
	case r != nil:
		return r.Tenant, nil
	case known:
		return tenancy.Tenant{}, s.absent("GetByIdentifier", k)
	}
	return s.getBelow(ctx, "GetByIdentifier", k)
}

// Exists implements [tenancy.Store].
func (s *Store) Exists(ctx context.Context, id string) (bool, error) {
	k := tenancy.IDKey(id)
	r, known := s.find(k)
	if r != nil {
		return true, nil
	}
	var err error
	if known {
		err = s.absent("Exists", k)
	} else {
		_, err = s.getBelow(ctx, "Exists", k)
	}
	if errors.Is(err, tenancy.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// find returns the record under k, or nil, and whether memory may be served.
func (s *Store) find(k tenancy.Key) (r *table.Record, known bool) {
	if !s.reader.Serves(s.reader.Now()) {
		return nil, false
	}
	if r = s.table.Find(k); r != nil {
		s.stats.hits.Add()
		return r, true
	}
	return nil, s.reader.Serving() // else memory was emptied, perhaps
}

// getBelow looks k up in the source.
func (s *Store) getBelow(ctx context.Context, op string, k tenancy.Key) (tenancy.Tenant, error) {
	if err := k.Validate(); err != nil {
		return tenancy.Tenant{}, driver.ErrorIn(op, k, err)
	}
	loaded, err := follow.Call(ctx, &s.Decorator, op, func(ctx context.Context) ([]tenancy.Versioned, error) {
		return s.loadBelow(ctx, []tenancy.Lookup{{Key: k}})
	})
	if err == nil && !loaded[0].Found {
		err = tenancy.ErrNotFound
	}
	if err != nil {
		return tenancy.Tenant{}, driver.ErrorIn(op, k, err)
	}
	return loaded[0].Tenant, nil
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
// too old, or has no names and some are wanted.
func (s *Store) loadMemory(want []tenancy.Lookup, least tenancy.Revision) []tenancy.Versioned {
	if !s.named.Load() && slices.ContainsFunc(want, func(l tenancy.Lookup) bool { return !l.Key.OfField() }) {
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
		find := s.table.Find
		if !l.Key.OfField() {
			find = s.table.FindName
		}
		if r := find(l.Key); r != nil {
			out[i].Tenant, out[i].Found = r.Tenant, true
		}
	}
	return out
}

// maxContradictions is how often a load may contradict the log, which was read after it and
// has not started over: each time, the database must have lost something in between.
const maxContradictions = 10

// loadBelow loads from the source, not older than what was followed, and follows the log
// to what it returns, so that later hits are not older.
func (s *Store) loadBelow(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	s.stats.below.Add(1)
	if s.isRefused() {
		return s.source.Load(ctx, want)
	}
	least := tenancy.Revision(0)
	for contradictions := 0; contradictions < maxContradictions; {
		startedOver := s.startedOver()
		least = max(least, s.reader.Position().Revision)
		lookups := slices.Clone(want)
		for i := range lookups {
			lookups[i].Min = max(lookups[i].Min, least)
		}
		loaded, err := s.source.Load(ctx, lookups)
		if s.cfg.withoutSecrets { // also where more was asked for than is wanted
			withholdLoaded(loaded, want)
		}
		if err == nil {
			err = s.accept(ctx, want, loaded)
		}
		switch {
		case errors.Is(err, errDenied): // a cache below may not know yet, or this replica
			least = tenancy.Latest
		case !errors.Is(err, tenancy.ErrCompacted):
			return loaded, err
		case isAhead(want, s.reader.Position()): // the caller asks for what is not there
			return nil, err
		default: // the log went back
			least = 0
		}
		if err := s.reader.Follow(ctx); err != nil {
			return nil, err
		}
		if s.startedOver() == startedOver {
			contradictions++
		}
	}
	return nil, fmt.Errorf("%w: what the source returns is not in its change log", tenancy.ErrUnavailable)
}

// startedOver returns how often the log has started over.
func (s *Store) startedOver() int64 {
	stats := s.reader.Stats()
	return stats.Compacted + stats.Diverged
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
