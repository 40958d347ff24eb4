package tier

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Work is a part of what a stack does that takes time. Hits in the local cache are
// none: see [Stats].
type Work uint8

// The kinds of work.
const (
	// WorkMiss is a lookup that the local cache could not answer, from then to
	// its end.
	WorkMiss Work = iota
	// WorkGet is a call of the shared cache for entries.
	WorkGet
	// WorkLoad is a call of the store below for tenants.
	WorkLoad
	// WorkApply is a call that makes the shared cache obey a change.
	WorkApply
	// WorkRefresh is a load in the background, ahead of the expiry of an entry.
	// The observer gets the context of the hit that began it.
	WorkRefresh
)

// Observer is told of the work of a stack, for traces and metrics. It is called
// from many goroutines, and must not block.
type Observer interface {
	// Begin is called before work for a key of this kind, or for any keys where
	// it is empty. The work gets the context that Begin returns; End is called after
	// it, with how it went. A WorkMiss of a key that does not exist succeeds.
	Begin(ctx context.Context, w Work, kind tenancy.KeyKind) context.Context
	End(ctx context.Context, w Work, err error)
	// Obeyed is called after each change from the log that the stack obeys, but for
	// those of the replay at the start.
	Obeyed(c tenancy.Change)
}

// Observe makes o an observer of s, for as long as s lives.
func (s *Store) Observe(o Observer) { s.observers.add(o) }

// observers are few, and change at the start only.
type observers struct {
	mu  sync.Mutex
	all atomic.Pointer[[]Observer]
}

func (os *observers) add(o Observer) {
	os.mu.Lock()
	defer os.mu.Unlock()
	all := append(slices.Clone(os.list()), o)
	os.all.Store(&all)
}

func (os *observers) list() []Observer {
	if all := os.all.Load(); all != nil {
		return *all
	}
	return nil
}

// observed does work that the observers are told of.
func observed[T any](ctx context.Context, os *observers, w Work, kind tenancy.KeyKind, work func(context.Context) (T, error)) (T, error) {
	return observedBy(ctx, os.list(), w, kind, work)
}

func observedBy[T any](ctx context.Context, all []Observer, w Work, kind tenancy.KeyKind, work func(context.Context) (T, error)) (T, error) {
	if len(all) == 0 {
		return work(ctx)
	}
	ctx = all[0].Begin(ctx, w, kind)
	result, err := observedBy(ctx, all[1:], w, kind, work)
	all[0].End(ctx, w, err)
	return result, err
}

func (os *observers) obeyed(c tenancy.Change) {
	for _, o := range os.list() {
		o.Obeyed(c)
	}
}
