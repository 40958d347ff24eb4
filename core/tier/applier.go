package tier

import (
	"context"
	"sync"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const (
	applyQueue   = 4096
	applyTimeout = time.Second
)

// applier makes a shared cache obey the changes, outside the follower, which must
// not wait for a network. A change that finds the queue full is dropped: floors
// keep what is outdated from being served, in this process and in every other.
type applier struct {
	cache     Cache
	stats     *counters
	observers *observers
	queue     chan tenancy.Change
	stop      chan struct{}
	done      sync.WaitGroup
}

func newApplier(cache Cache, stats *counters, observers *observers) *applier {
	a := &applier{cache: cache, stats: stats, observers: observers, queue: make(chan tenancy.Change, applyQueue), stop: make(chan struct{})}
	a.done.Go(a.run)
	return a
}

func (a *applier) enqueue(c tenancy.Change) {
	select {
	case a.queue <- c:
	default:
		a.stats.unapplied.Add(1)
	}
}

func (a *applier) run() {
	for {
		select {
		case <-a.stop:
			return
		case c := <-a.queue:
			ctx, cancel := context.WithTimeout(context.Background(), applyTimeout)
			_, err := observed(ctx, a.observers, WorkApply, "", func(ctx context.Context) (struct{}, error) {
				return struct{}{}, a.cache.Apply(ctx, c)
			})
			if err != nil {
				a.stats.unapplied.Add(1)
			}
			cancel()
		}
	}
}

func (a *applier) close() {
	close(a.stop)
	a.done.Wait()
}
