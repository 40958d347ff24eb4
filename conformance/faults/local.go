package faults

import (
	"sync"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// Local is a [tier.LocalCache]. It keeps everything for ever: what is outdated the stack
// has to notice. Create one with NewLocal.
type Local struct {
	mu      sync.Mutex
	entries map[tenancy.Key]*tier.Entry // nil once closed
}

// NewLocal returns an empty cache.
func NewLocal() *Local { return &Local{entries: map[tenancy.Key]*tier.Entry{}} }

// Get implements [tier.LocalCache].
func (c *Local) Get(key tenancy.Key) *tier.Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entries[key]
}

// Put implements [tier.LocalCache].
func (c *Local) Put(e *tier.Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries != nil {
		c.entries[e.Key] = e
	}
}

// InvalidateAll implements [tier.LocalCache].
func (c *Local) InvalidateAll() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.entries)
	clear(c.entries)
	return int64(n)
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

// MaxEntries implements [tier.LocalCache]. It is what floors are made for.
func (c *Local) MaxEntries() int64 { return 1 << 16 }

// Close implements [tier.LocalCache].
func (c *Local) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries = nil
}
