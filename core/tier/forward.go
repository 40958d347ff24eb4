package tier

import (
	"context"
	"errors"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// List implements [tenancy.Store]; it is not cached.
func (s *Store) List(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
	return read(ctx, s, "List", func(ctx context.Context) (tenancy.Page, error) { return s.Next.List(ctx, opts) })
}

// Count implements [tenancy.Store]; it is not cached.
func (s *Store) Count(ctx context.Context, filter tenancy.Filter) (int, error) {
	return read(ctx, s, "Count", func(ctx context.Context) (int, error) { return s.Next.Count(ctx, filter) })
}

// Search implements [tenancy.Store]; it is not cached.
func (s *Store) Search(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
	return read(ctx, s, "Search", func(ctx context.Context) ([]tenancy.Tenant, error) { return s.Next.Search(ctx, query, opts) })
}

// Bounds implements [tenancy.Log].
func (s *Store) Bounds(ctx context.Context) (tenancy.Bounds, error) {
	if s.source == nil {
		return tenancy.Bounds{}, unsupported("Bounds")
	}
	return read(ctx, s, "Bounds", func(ctx context.Context) (tenancy.Bounds, error) { return s.source.Bounds(ctx) })
}

// Changes implements [tenancy.Log]. It returns a change only after the tier obeys
// it: who reads through the tier then does not see what was before.
func (s *Store) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	if s.source == nil {
		return nil, unsupported("Changes")
	}
	return read(ctx, s, "Changes", func(ctx context.Context) ([]tenancy.Change, error) {
		changes, err := s.source.Changes(ctx, after, limit)
		if err != nil || len(changes) == 0 {
			return changes, err
		}
		v, err := s.stack.reader.Accept(ctx, changes[len(changes)-1].Position)
		if err == nil && v == follow.Denied { // restored between the two reads
			err = driver.ErrorIn("Changes", tenancy.Key{}, tenancy.ErrCompacted)
		}
		return changes, err
	})
}

// Wait implements [tenancy.Log]. A bus wakes it too.
func (s *Store) Wait(ctx context.Context, after tenancy.Position) error {
	if s.source == nil {
		return unsupported("Wait")
	}
	_, err := read(ctx, s, "Wait", func(ctx context.Context) (struct{}, error) {
		waiting, cancel := context.WithCancel(ctx)
		defer cancel()
		grown := s.stack.reader.Growth()
		if at := s.stack.reader.Position(); at.Revision > after.Revision {
			return struct{}{}, ctx.Err()
		}
		go func() {
			select {
			case <-waiting.Done():
			case <-grown:
				cancel()
			}
		}()
		err := s.source.Wait(waiting, after)
		if waiting.Err() != nil {
			err = ctx.Err()
		}
		return struct{}{}, err
	})
	return err
}

func read[T any](ctx context.Context, s *Store, op string, do func(ctx context.Context) (T, error)) (result T, err error) {
	call, err := s.calls.Enter(ctx)
	defer func() {
		call.Leave(&err)
		err = driver.ErrorIn(op, tenancy.Key{}, err)
	}()
	if err != nil {
		return result, err
	}
	return do(call)
}

func unsupported(op string) error {
	return &tenancy.Error{Op: op, Err: errors.ErrUnsupported}
}
