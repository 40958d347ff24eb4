package tier

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Work is a kind of work that takes time. Hits in the local cache are not observed: see
// [Stats].
type Work uint8

// The kinds of work.
const (
	// WorkMiss is the part of a lookup after the local cache could not answer it.
	WorkMiss Work = iota
	// WorkGet is a call of the shared cache for entries.
	WorkGet
	// WorkLoad is a call of the store below for tenants.
	WorkLoad
	// WorkApply is a call that makes the shared cache obey a change.
	WorkApply
	// WorkRefresh is a load in the background, before an entry expires. The observer gets
	// the context of the hit that started it.
	WorkRefresh
)

// Observer observes the work of a stack, for traces and metrics. It is called from many
// goroutines, and must not block.
type Observer interface {
	// Begin is called before work for a key of this kind; kind is empty for work on several
	// keys. The work uses the context that Begin returns. End is called after the work,
	// with its error. A WorkMiss of a key that does not exist succeeds.
	Begin(ctx context.Context, w Work, kind tenancy.KeyKind) context.Context
	End(ctx context.Context, w Work, err error)
	// Obeyed is called after the stack has obeyed a change from the log, except during the
	// replay at the start.
	Obeyed(c tenancy.Change)
}

// Observe adds o to the observers of s, which cannot be removed.
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

// observed runs work, and calls the observers before and after.
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
