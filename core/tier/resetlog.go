package tier

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// resetLog stands in for the log of a store that has none: each write through
// the tier counts as a change of everything. So the rules of coherence hold among
// the reads and writes of this process, by the mechanism that is there anyway.
type resetLog struct {
	store tenancy.Store
	*resets
}

// resets counts the writes of a stack.
type resets struct {
	mu     sync.Mutex
	newest tenancy.Position
	before tenancy.Position
}

func newResets() *resets {
	return &resets{newest: tenancy.Position{Revision: 1, Mark: rand.Int64()}}
}

// add is called after each write attempt.
func (r *resets) add() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before = r.newest
	r.newest = tenancy.Position{Revision: r.newest.Revision + 1, Mark: rand.Int64()}
}

func (r *resets) head() tenancy.Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.newest
}

func (l resetLog) Head(context.Context) (tenancy.Head, error) {
	p := l.head()
	return tenancy.Head{Oldest: p, Newest: p}, nil
}

// Load looks up one after the other; each is as of the moment before.
func (l resetLog) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Snapshot, error) {
	out := make([]tenancy.Snapshot, len(want))
	for i, w := range want {
		out[i].AsOf = l.head()
		get := l.store.GetByID
		if w.Key.Kind == tenancy.KindIdentifier {
			get = l.store.GetByIdentifier
		}
		t, err := get(ctx, w.Key.Value)
		if err != nil && !errors.Is(err, tenancy.ErrNotFound) {
			return nil, err
		}
		out[i].Tenant, out[i].Found = t, err == nil
	}
	return out, nil
}

// Changes knows the newest change only. Who is further behind starts over, which
// comes to the same as a reset.
func (l resetLog) Changes(_ context.Context, after tenancy.Position, _ int) ([]tenancy.Change, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch after {
	case l.newest:
		return nil, nil
	case l.before:
		return []tenancy.Change{{Position: l.newest, Op: tenancy.OpReset, At: time.Now()}}, nil
	}
	return nil, tenancy.ErrCompacted
}

// Watch yields nothing: the tier makes every reset, and reads the log after it.
func (l resetLog) Watch(ctx context.Context, _ tenancy.Position) iter.Seq2[tenancy.Change, error] {
	return func(yield func(tenancy.Change, error) bool) {
		<-ctx.Done()
		yield(tenancy.Change{}, ctx.Err())
	}
}
