package faults

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// Shared is a [tier.SharedCache]: a client of a Server. Create one with
// [Server.Open].
type Shared struct {
	server *Server
	closed atomic.Bool
}

// enter begins a call, which ends with leave if there was no error.
func (c *Shared) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.closed.Load() {
		return tenancy.ErrClosed
	}
	c.server.mu.Lock()
	if err := c.server.fail; err != nil {
		c.leave()
		return err
	}
	return nil
}

func (c *Shared) leave() { c.server.mu.Unlock() }

// Get implements [tier.SharedCache].
func (c *Shared) Get(ctx context.Context, keys []tenancy.Key) ([]tier.Result, error) {
	if err := c.enter(ctx); err != nil {
		return nil, err
	}
	defer c.leave()
	results := make([]tier.Result, len(keys))
	for i, key := range keys {
		if found, ok := c.server.at(key); ok {
			results[i].Entry, results[i].Leased = found.entry, found.entry == nil
		} else {
			results[i].Token = c.server.lease(key)
		}
	}
	return results, nil
}

// Put implements [tier.SharedCache].
func (c *Shared) Put(ctx context.Context, fills []tier.Fill) (uncacheable int, err error) {
	if err := c.enter(ctx); err != nil {
		return 0, err
	}
	defer c.leave()
	for _, f := range fills {
		e := f.Entry
		found, ok := c.server.at(e.Key)
		switch {
		case !ok:
		case found.entry == nil && found.lease == f.Token, found.entry != nil && found.older(e.Versioned.AsOf.Revision):
			c.server.slots[e.Key] = slot{entry: e, ends: time.Now().Add(e.TTL)}
		}
	}
	return 0, nil
}

// Release implements [tier.SharedCache].
func (c *Shared) Release(ctx context.Context, key tenancy.Key, token tier.Token) error {
	if err := c.enter(ctx); err != nil {
		return err
	}
	defer c.leave()
	if found, ok := c.server.at(key); ok && found.entry == nil && found.lease == token {
		delete(c.server.slots, key)
	}
	return nil
}

// Apply implements [tier.SharedCache].
func (c *Shared) Apply(ctx context.Context, change tenancy.Change) error {
	if err := c.enter(ctx); err != nil {
		return err
	}
	defer c.leave()
	for _, k := range change.Keys {
		if found, ok := c.server.at(k); ok && (found.entry == nil || found.older(change.Position.Revision)) {
			delete(c.server.slots, k)
		}
	}
	return nil
}

// Drop implements [tier.SharedCache].
func (c *Shared) Drop(ctx context.Context, e *tier.Entry) error {
	if err := c.enter(ctx); err != nil {
		return err
	}
	defer c.leave()
	if found, ok := c.server.at(e.Key); ok && found.entry != nil && found.entry.Versioned.AsOf == e.Versioned.AsOf {
		delete(c.server.slots, e.Key)
	}
	return nil
}

// InvalidateAll implements [tier.SharedCache].
func (c *Shared) InvalidateAll(ctx context.Context) (int64, error) {
	if err := c.enter(ctx); err != nil {
		return 0, err
	}
	defer c.leave()
	var n int64
	for k := range c.server.slots {
		if found, ok := c.server.at(k); ok && found.entry != nil {
			n++
		}
	}
	clear(c.server.slots)
	return n, nil
}

// Close implements [tier.SharedCache]. The server stays as it is.
func (c *Shared) Close() error {
	c.closed.Store(true)
	return nil
}
