package observe

import (
	"context"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// SampleEvery is of how many calls of a sampled operation one is measured, on
// average.
const SampleEvery = 64

// Hooks are told of operations. Each may be nil, must be safe for concurrent use,
// and must not block.
type Hooks struct {
	// Traced reports whether a call of a sampled operation with this context is to
	// be given to Begin and End. It runs before every such call. Calls of the
	// other operations are given in any case.
	Traced func(ctx context.Context) bool
	// Begin runs before a call, which gets the context that it returns.
	Begin func(ctx context.Context, op Operation) context.Context
	// End runs after a call with the context that Begin returned.
	End func(ctx context.Context, op Operation, err error)
	// Measured gets the duration of a call.
	Measured func(ctx context.Context, op Operation, took time.Duration)
}

// Store is a store of which every operation is seen. Create one with Wrap; it is
// safe for concurrent use.
type Store struct {
	next   tenancy.Store
	source tenancy.Source // nil if next is none
	hooks  Hooks
	counts counts
}

var (
	_ tenancy.Source       = (*Store)(nil)
	_ tenancy.Purger       = (*Store)(nil)
	_ tenancy.BatchCreator = (*Store)(nil)
)

// Wrap returns next with hooks around it. It has every capability of next, and
// closing it closes next. Errors pass through as they are.
func Wrap(next tenancy.Store, hooks Hooks) *Store {
	s := &Store{next: next, hooks: hooks}
	s.source, _ = tenancy.SourceOf(next)
	return s
}

// Below returns the store that s decorates, so that tier.Walk finds the tiers
// under it.
func (s *Store) Below() tenancy.Store { return s.next }

// HasSource reports whether what is below is a [tenancy.Source].
func (s *Store) HasSource() bool { return s.source != nil }

// Close implements [tenancy.Store].
func (s *Store) Close() error { return s.next.Close() }
