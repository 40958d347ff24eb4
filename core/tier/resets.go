package tier

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// loader is what misses are loaded from.
type loader interface {
	Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error)
}

// resets stand in for the log of a store that has none: each write through
// the stack counts as a change of everything. So the rules of coherence hold among
// the reads and writes of this process, by the mechanism that is there anyway.
type resets struct {
	store tenancy.Store
	mark  int64 // of each position
	count atomic.Int64
}

func newResets(store tenancy.Store) *resets {
	r := &resets{store: store, mark: rand.Int64()}
	r.CountWrite()
	return r
}

// CountWrite implements [follow.WriteCounter].
func (r *resets) CountWrite() { r.count.Add(1) }

func (r *resets) head() tenancy.Position { return r.at(r.count.Load()) }

func (r *resets) at(n int64) tenancy.Position {
	return tenancy.Position{Revision: tenancy.Revision(n), Mark: r.mark}
}

func (r *resets) Bounds(context.Context) (tenancy.Bounds, error) {
	p := r.head()
	return tenancy.Bounds{Oldest: p, Newest: p}, nil
}

// Load looks up one after the other; each is as of the moment before.
func (r *resets) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	out := make([]tenancy.Versioned, len(want))
	for i, w := range want {
		out[i].AsOf = r.head()
		get := r.store.GetByID
		switch w.Key.Kind {
		case tenancy.KindIdentifier:
			get = r.store.GetByIdentifier
		case tenancy.KindDomain:
			get = r.store.GetByDomain
		case tenancy.KindFormer:
			get = r.store.FormerOwner
		}
		t, err := get(ctx, w.Key.Value)
		if err != nil && !errors.Is(err, tenancy.ErrNotFound) {
			return nil, err
		}
		out[i].Tenant, out[i].Found = t, err == nil
	}
	return out, nil
}

// Changes returns a reset for each write.
func (r *resets) Changes(_ context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	newest := r.count.Load()
	var changes []tenancy.Change
	for n := int64(after.Revision) + 1; n <= newest && len(changes) < limit; n++ {
		changes = append(changes, tenancy.Change{Position: r.at(n), Kind: tenancy.ChangeReset, At: time.Now()})
	}
	return changes, nil
}

// Wait has nobody to wait for: the tier makes every reset, and reads the log after it.
// What its end tells is that there is a log.
func (r *resets) Wait(ctx context.Context, _ tenancy.Position) error {
	poll := time.NewTimer(time.Second)
	defer poll.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-poll.C:
		return nil
	}
}
