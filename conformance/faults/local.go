package faults

import (
	"context"
	"sync"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// Local is a [tier.Cache] of one process. It keeps everything for ever: what is
// outdated the tier has to notice. Create one with NewLocal.
type Local struct {
	mu      sync.Mutex
	entries map[tenancy.Key]*tier.Entry // nil once closed
}

// NewLocal returns an empty cache.
func NewLocal() *Local { return &Local{entries: map[tenancy.Key]*tier.Entry{}} }

// Get implements [tier.Cache].
func (c *Local) Get(_ context.Context, key tenancy.Key) (tier.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[key]; e != nil {
		return tier.Result{Entry: e}, nil
	}
	return tier.Result{Token: tier.LocalToken}, nil
}

// Put implements [tier.Cache].
func (c *Local) Put(_ context.Context, _ tier.Token, e *tier.Entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil {
		return tenancy.ErrClosed
	}
	c.entries[e.Key] = e
	return nil
}

// Release implements [tier.Cache]. There are no leases.
func (c *Local) Release(context.Context, tenancy.Key, tier.Token) error { return nil }

// Apply implements [tier.Cache]. It does nothing.
func (c *Local) Apply(context.Context, tenancy.Change) error { return nil }

// Drop implements [tier.Cache].
func (c *Local) Drop(_ context.Context, e *tier.Entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries[e.Key] == e {
		delete(c.entries, e.Key)
	}
	return nil
}

// InvalidateAll implements [tier.Cache].
func (c *Local) InvalidateAll(context.Context) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.entries)
	clear(c.entries)
	return int64(n), nil
}

// Evict removes about half of the entries.
func (c *Local) Evict() {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.entries) / 2
	for k := range c.entries { // in no order
		if n--; n < 0 {
			return
		}
		delete(c.entries, k)
	}
}

// Shared implements [tier.Cache].
func (c *Local) Shared() bool { return false }

// Close implements [tier.Cache].
func (c *Local) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries = nil
	return nil
}
