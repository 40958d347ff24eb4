package observe

import (
	"context"
	"errors"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// GetByID implements [tenancy.Store].
func (s *Store) GetByID(ctx context.Context, id string) (tenancy.Tenant, error) {
	l := s.counts.lane(GetByID)
	if due := l.due(); due || s.traced(ctx) {
		return lookup(ctx, s, GetByID, l, due, s.Next.GetByID, id)
	}
	t, err := s.Next.GetByID(ctx, id)
	s.counts.done(GetByID, l, err)
	return t, err
}

// GetByIdentifier implements [tenancy.Store].
func (s *Store) GetByIdentifier(ctx context.Context, identifier string) (tenancy.Tenant, error) {
	l := s.counts.lane(GetByIdentifier)
	if due := l.due(); due || s.traced(ctx) {
		return lookup(ctx, s, GetByIdentifier, l, due, s.Next.GetByIdentifier, identifier)
	}
	t, err := s.Next.GetByIdentifier(ctx, identifier)
	s.counts.done(GetByIdentifier, l, err)
	return t, err
}

// Exists implements [tenancy.Store].
func (s *Store) Exists(ctx context.Context, id string) (bool, error) {
	l := s.counts.lane(Exists)
	if due := l.due(); due || s.traced(ctx) {
		return lookup(ctx, s, Exists, l, due, s.Next.Exists, id)
	}
	found, err := s.Next.Exists(ctx, id)
	s.counts.done(Exists, l, err)
	return found, err
}

func (s *Store) traced(ctx context.Context) bool { return s.trace.Traced != nil && s.trace.Traced(ctx) }

// lookup is the long way of a sampled operation.
func lookup[T any](ctx context.Context, s *Store, op Operation, l *lane, due bool, call func(context.Context, string) (T, error), arg string) (T, error) {
	traced := s.traced(ctx)
	result, err := observed(ctx, s, op, due, traced, func(ctx context.Context) (T, error) { return call(ctx, arg) })
	s.counts.done(op, l, err)
	if t, ok := any(&result).(*tenancy.Tenant); ok && err == nil && traced && s.trace.Found != nil {
		s.trace.Found(ctx, t.ID)
	}
	return result, err
}

// errNotReturned is how a call ended by a panic, such as that of an application's check
// of metadata.
var errNotReturned = errors.New("the call did not return")

// each is a call of an operation that is not sampled.
func each[T any](ctx context.Context, s *Store, op Operation, call func(context.Context) (T, error)) (result T, err error) {
	err = errNotReturned
	defer func() { s.counts.others[op][OutcomeOf(err)].Add(1) }()
	return observed(ctx, s, op, true, true, call)
}

// observed is one call with all that is around it.
func observed[T any](ctx context.Context, s *Store, op Operation, measured, traced bool, call func(context.Context) (T, error)) (result T, err error) {
	if traced && s.trace.Begin != nil {
		ctx = s.trace.Begin(ctx, op)
	}
	begun := time.Now()
	err = errNotReturned
	defer func() {
		if record := s.took[op]; measured && record != nil {
			record(ctx, time.Since(begun), err)
		}
		if traced && s.trace.End != nil {
			s.trace.End(ctx, op, err)
		}
	}()
	return call(ctx)
}
