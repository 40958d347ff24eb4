package tier

import (
	"context"
	"errors"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Bounds implements [tenancy.Log].
func (s *Store) Bounds(ctx context.Context) (tenancy.Bounds, error) {
	if s.source == nil {
		return tenancy.Bounds{}, unsupported("Bounds")
	}
	return read(ctx, s, "Bounds", func(ctx context.Context) (tenancy.Bounds, error) { return s.source.Bounds(ctx) })
}

// Changes implements [tenancy.Log]. It returns a change only after the stack obeys
// it: who reads through it then does not see what was before.
func (s *Store) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	if s.source == nil {
		return nil, unsupported("Changes")
	}
	return read(ctx, s, "Changes", func(ctx context.Context) ([]tenancy.Change, error) {
		changes, err := s.source.Changes(ctx, after, limit)
		if err != nil || len(changes) == 0 {
			return changes, err
		}
		v, err := s.reader.Accept(ctx, changes[len(changes)-1].Position)
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
		grown := s.reader.Growth()
		if at := s.reader.Position(); at.Revision > after.Revision {
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

// read is a call of the store below that no cache answers.
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
