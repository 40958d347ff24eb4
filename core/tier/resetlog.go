package tier

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
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
	mark  int64 // of each position
	count atomic.Int64
}

func newResets() *resets {
	r := &resets{mark: rand.Int64()}
	r.add()
	return r
}

// add is called after each write attempt.
func (r *resets) add() { r.count.Add(1) }

func (r *resets) head() tenancy.Position { return r.at(r.count.Load()) }

func (r *resets) at(n int64) tenancy.Position {
	return tenancy.Position{Revision: tenancy.Revision(n), Mark: r.mark}
}

func (l resetLog) Bounds(context.Context) (tenancy.Bounds, error) {
	p := l.head()
	return tenancy.Bounds{Oldest: p, Newest: p}, nil
}

// Load looks up one after the other; each is as of the moment before.
func (l resetLog) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	out := make([]tenancy.Versioned, len(want))
	for i, w := range want {
		out[i].AsOf = l.head()
		get := l.store.GetByID
		switch w.Key.Kind {
		case tenancy.KindIdentifier:
			get = l.store.GetByIdentifier
		case tenancy.KindDomain:
			get = l.store.GetByDomain
		case tenancy.KindFormer:
			get = l.store.FormerOwner
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
func (l resetLog) Changes(_ context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	newest := l.count.Load()
	var changes []tenancy.Change
	for n := int64(after.Revision) + 1; n <= newest && len(changes) < limit; n++ {
		changes = append(changes, tenancy.Change{Position: l.at(n), Kind: tenancy.ChangeReset, At: time.Now()})
	}
	return changes, nil
}

// Wait has nobody to wait for: the tier makes every reset, and reads the log after it.
// What its end tells is that there is a log.
func (l resetLog) Wait(ctx context.Context, _ tenancy.Position) error {
	poll := time.NewTimer(time.Second)
	defer poll.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-poll.C:
		return nil
	}
}
