package tier

import (
	"context"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// GetByID implements [tenancy.Store]. A hit in the local cache does not allocate, and is
// given to an ended context too.
func (s *Store) GetByID(ctx context.Context, id string) (tenancy.Tenant, error) {
	e := s.hit(ctx, tenancy.IDKey(id), 0)
	if e == nil || e.Negative() {
		return s.answer(ctx, "GetByID", tenancy.IDKey(id), e)
	}
	return e.Versioned.Tenant, nil
}

// GetByIdentifier implements [tenancy.Store]. A hit in the local cache does not allocate,
// and is given to an ended context too.
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
		if e, err = s.lookUp(ctx, key); err != nil {
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
		if e, err = s.lookUp(ctx, tenancy.IDKey(id)); err != nil {
			return false, driver.ErrorIn("Exists", tenancy.IDKey(id), err)
		}
	}
	return !e.Negative(), nil
}

// hit returns the entry of the local cache if it may be served and is as new as asked
// for, or nil.
func (s *Store) hit(ctx context.Context, key tenancy.Key, least tenancy.Revision) *Entry {
	l := s.local.Load()
	if l == nil || s.calls().Over() {
		return nil
	}
	e := l.Get(key)
	if e == nil {
		l.stats.misses.Add(1)
		return nil
	}
	now := s.reader.Now()
	if !s.serves(e, now) || e.Key != key || e.Versioned.AsOf.Revision < least {
		l.stats.stale.Add(1)
		return nil
	}
	l.stats.served(e)
	if now >= e.refresh {
		s.refresh(ctx, l, key)
	}
	return e
}

// lookUp returns a current entry under key, which was no hit.
func (s *Store) lookUp(ctx context.Context, key tenancy.Key) (e *Entry, err error) {
	if err := key.Validate(); err != nil { // a malformed key is never cached, and goes no further
		return nil, err
	}
	call, err := s.calls().Enter(ctx)
	defer call.Leave(&err)
	if err != nil {
		return nil, err
	}
	return observed(call, &s.observers, WorkMiss, key.Kind, func(ctx context.Context) (*Entry, error) { return s.miss(ctx, key, 0) })
}

// GetByIDs implements [tenancy.Store]: hits from the local cache, all others in one trip
// through the stack.
func (s *Store) GetByIDs(ctx context.Context, ids []string) ([]tenancy.Tenant, error) {
	tenants, err := s.getByIDs(ctx, ids)
	return tenants, driver.ErrorIn("GetByIDs", tenancy.Key{}, err)
}

func (s *Store) getByIDs(ctx context.Context, ids []string) (tenants []tenancy.Tenant, err error) {
	if ids, err = driver.UniqueIDs(ids); err != nil {
		return nil, err
	}
	want := make([]tenancy.Lookup, len(ids))
	for i, id := range ids {
		want[i].Key = tenancy.IDKey(id)
	}
	lookups, err := s.get(ctx, want)
	if err != nil {
		return nil, err
	}
	tenants = make([]tenancy.Tenant, 0, len(ids))
	for i := range lookups {
		if e := lookups[i].entry; !e.Negative() {
			tenants = append(tenants, e.Versioned.Tenant)
		}
	}
	return tenants, nil
}

// Load implements [tenancy.Source]: entries that are as new as asked for come from
// the caches, all others from below in one call. With Min == Latest nothing comes
// from a cache.
func (s *Store) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	if !s.HasSource() {
		return s.Decorator.Load(ctx, want) // which says so
	}
	lookups, err := s.loadAll(ctx, want)
	if err != nil {
		return nil, driver.ErrorIn("Load", tenancy.Key{}, err)
	}
	out := make([]tenancy.Versioned, len(want))
	for i := range lookups {
		out[i] = lookups[i].entry.Versioned
	}
	return out, nil
}

func (s *Store) loadAll(ctx context.Context, want []tenancy.Lookup) ([]lookup, error) {
	for _, w := range want {
		if err := w.Key.Validate(); err != nil {
			return nil, err
		}
	}
	return s.get(ctx, want)
}

// get returns a lookup that has its entry for each of want, whose keys are valid.
func (s *Store) get(ctx context.Context, want []tenancy.Lookup) (lookups []lookup, err error) {
	call, err := s.calls().Enter(ctx)
	defer call.Leave(&err)
	if err != nil {
		return nil, err
	}
	lookups = make([]lookup, len(want))
	var missing []*lookup
	for i, w := range want {
		l := &lookups[i]
		l.key, l.least = w.Key, w.Min
		if l.least != tenancy.Latest {
			l.entry = s.hit(ctx, l.key, l.least)
		}
		if l.entry == nil {
			missing = append(missing, l)
		}
	}
	switch {
	case len(missing) == 0:
		return lookups, nil
	case len(missing) == 1 && missing[0].least != tenancy.Latest: // shares the load with others
		l := missing[0]
		l.entry, err = s.miss(call, l.key, l.least)
		return lookups, err
	}
	return lookups, s.loadMisses(call, missing)
}
