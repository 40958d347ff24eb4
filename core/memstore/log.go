package memstore

import (
	"context"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// pollInterval is how long Wait waits at most: callers count on it as a sign of life.
const pollInterval = time.Second

func (b *backend) Bounds(context.Context) (tenancy.Bounds, error) {
	b.expire()
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.log.head(), nil
}

func (b *backend) Load(_ context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	b.expire()
	b.mu.RLock()
	defer b.mu.RUnlock()
	newest := b.log.newest()
	out := make([]tenancy.Versioned, len(want))
	for i, w := range want {
		if w.Min > newest.Revision && w.Min != tenancy.Latest {
			return nil, driver.ErrorIn("Load", w.Key, tenancy.ErrCompacted)
		}
		out[i].AsOf = newest
		if r := b.find(w.Key); r != nil {
			out[i].Tenant, out[i].Found = r.Tenant, true
		}
	}
	return out, nil
}

func (b *backend) Changes(_ context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	b.expire()
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.log.after(after, limit)
}

func (b *backend) Wait(ctx context.Context, after tenancy.Position) error {
	b.mu.RLock()
	grown, more := b.log.grown, b.log.newest() != after
	b.mu.RUnlock()
	if more {
		return ctx.Err()
	}
	poll := time.NewTimer(pollInterval)
	defer poll.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-grown:
	case <-poll.C:
	}
	return nil
}
