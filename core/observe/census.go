package observe

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/go-tenancy/tenantstore/core/internal/inflight"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// otherStatus stands for every status that this version does not know.
const otherStatus = "other"

// census counts the tenants in the background.
type census struct {
	store tenancy.Store
	every time.Duration

	mu       sync.Mutex
	byStatus map[string]int // nil before the first count
	at       time.Time

	work *inflight.Group
}

func newCensus(store tenancy.Store, every time.Duration) *census {
	c := &census{store: store, every: every, work: inflight.New(tenancy.ErrClosed)}
	c.work.Go(c.run)
	return c
}

func (c *census) run(ctx context.Context) {
	t := time.NewTicker(c.every)
	defer t.Stop()
	for {
		limited, cancel := context.WithTimeout(ctx, c.every)
		c.count(limited)
		cancel()
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// count keeps what was counted before if it fails: the time tells.
func (c *census) count(ctx context.Context) {
	byStatus := map[string]int{}
	known := 0
	for _, status := range tenancy.Statuses() {
		n, err := c.store.Count(ctx, tenancy.Filter{Statuses: []tenancy.Status{status}})
		if err != nil {
			return
		}
		byStatus[string(status)] = n
		known += n
	}
	all, err := c.store.Count(ctx, tenancy.Filter{})
	if err != nil {
		return
	}
	byStatus[otherStatus] = max(0, all-known)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byStatus, c.at = byStatus, time.Now()
}

func (c *census) addTo(s *Store) {
	for _, status := range append(tenancy.Statuses(), otherStatus) {
		s.add(metricTenants, func() float64 {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.byStatus == nil {
				return math.NaN()
			}
			return float64(c.byStatus[string(status)])
		}, string(status))
	}
	s.add(metricTenantsRefreshed, func() float64 {
		c.mu.Lock()
		defer c.mu.Unlock()
		return timestamp(c.at)
	})
}

// close ends a count that is under way, and does not wait for a store that ignores that.
func (c *census) close() {
	c.work.End()
	c.work.Wait(time.Second)
}
