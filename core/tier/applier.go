package tier

import (
	"context"
	"time"

	"github.com/go-tenancy/tenantstore/core/internal/inflight"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const (
	applyQueue   = 4096
	applyTimeout = time.Second
)

// applier makes the shared cache obey the changes, outside the reader of the log, which must
// not wait for a network. A change that finds the queue full is dropped: floors
// keep what is outdated from being served, in this process and in every other.
type applier struct {
	cache     *shared
	observers *observers
	queue     chan tenancy.Change
	work      *inflight.Group
}

func newApplier(cache *shared, observers *observers) *applier {
	a := &applier{cache: cache, observers: observers, queue: make(chan tenancy.Change, applyQueue), work: inflight.New(tenancy.ErrClosed)}
	a.work.Go(a.run)
	return a
}

func (a *applier) enqueue(c tenancy.Change) {
	select {
	case a.queue <- c:
	default:
		a.cache.stats.unapplied.Add(1)
	}
}

func (a *applier) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-a.queue:
			ctx, cancel := context.WithTimeout(ctx, applyTimeout)
			_, err := observed(ctx, a.observers, WorkApply, "", func(ctx context.Context) (struct{}, error) {
				return struct{}{}, a.cache.Apply(ctx, c)
			})
			if err != nil {
				a.cache.stats.unapplied.Add(1)
			}
			cancel()
		}
	}
}

// close ends it, and waits for an Apply under way, as long as patience. It returns how much
// goes on all the same.
func (a *applier) close(patience time.Duration) int64 {
	a.work.End()
	return a.work.Wait(patience)
}
