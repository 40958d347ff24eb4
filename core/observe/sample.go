package observe

import (
	"context"
	"math/rand/v2"
	"time"
)

// due reports whether a call of a sampled operation is measured. The bits are not
// those that choose the lane.
func due(random uint32) bool { return random>>16%SampleEvery == 0 }

// seen reports whether a call of a sampled operation takes the long way.
func (s *Store) seen(ctx context.Context, random uint32) bool {
	return due(random) || s.hooks.Traced != nil && s.hooks.Traced(ctx)
}

// observed is one call with everything around it.
func observed[T any](ctx context.Context, s *Store, op Operation, random uint32, call func(context.Context) (T, error)) (T, error) {
	h := &s.hooks
	measured := h.Measured != nil && (!op.Sampled() || due(random))
	traced := !op.Sampled() || h.Traced != nil && h.Traced(ctx)
	if traced && h.Begin != nil {
		ctx = h.Begin(ctx, op)
	}
	var begun time.Time
	if measured {
		begun = time.Now()
	}
	result, err := call(ctx)
	if measured {
		h.Measured(ctx, op, time.Since(begun))
	}
	s.counts.add(op, err, random)
	if traced && h.End != nil {
		h.End(ctx, op, err)
	}
	return result, err
}

// each is observed for the operations that are not sampled.
func each[T any](ctx context.Context, s *Store, op Operation, call func(context.Context) (T, error)) (T, error) {
	return observed(ctx, s, op, rand.Uint32(), call)
}
