package ristrettotier

import (
	"context"
	"hash/maphash"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// New returns next with a cache in the memory of this process in front of it.
// See [tier.New] for what next must be. Close closes both.
func New(next tenancy.Store, opts ...Option) (*tier.Store, error) {
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	cache, err := newCache(cfg)
	if err != nil {
		return nil, err
	}
	s, err := tier.New(next, cache, cfg.tier...)
	if err != nil {
		_ = cache.Close() // never fails
		return nil, err
	}
	return s, nil
}

// Cache is a [tier.Cache] in memory. Create one with NewCache; it is safe for
// concurrent use.
type Cache struct {
	seed  maphash.Seed
	start time.Time // of the measure of item.until

	// Held by everything that changes a space, until ristretto has carried the
	// change out: its queue is empty whenever changing is free.
	changing           sync.Mutex
	tenants, negatives space

	open atomic.Pointer[lookups] // nil once closed

	maxEntries int64

	sweeper sync.WaitGroup
	stop    chan struct{}
}

// lookups is a second way to the spaces, for Get. That nobody holds a *lookups any
// more tells Close that no Get is under way; so nothing but Cache.open may keep
// one.
type lookups struct{ tenants, negatives space }

var _ tier.Cache = (*Cache)(nil)

// NewCache returns an empty cache, for callers of [tier.New]. Close it, or the
// tier that it was given to.
func NewCache(opts ...Option) (*Cache, error) {
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	return newCache(cfg)
}

func newCache(cfg config) (*Cache, error) {
	c := &Cache{seed: maphash.MakeSeed(), start: time.Now(), stop: make(chan struct{})}
	capacity, counted, cost := cfg.maxEntries, cfg.maxEntries, each
	if cfg.byBytes {
		capacity, counted, cost = cfg.maxBytes, min(max(1, cfg.maxBytes/entryBytes), maxEntries), size
	}
	var err error
	if c.tenants, err = newSpace(capacity, counted, cost); err != nil {
		return nil, err
	}
	if c.negatives, err = newSpace(cfg.maxNegatives, cfg.maxNegatives, each); err != nil {
		c.tenants.close()
		return nil, err
	}
	c.maxEntries = counted + cfg.maxNegatives
	c.open.Store(&lookups{c.tenants, c.negatives})
	c.sweeper.Go(c.sweep)
	return c, nil
}

// hash is what ristretto knows of a key. Two keys with one hash displace each
// other, and are told apart by the key in the entry.
func (c *Cache) hash(key tenancy.Key) uint64 {
	h := maphash.String(c.seed, key.Value)
	switch key.Kind {
	case tenancy.KindID:
		h ^= 0x9e3779b97f4a7c15
	case tenancy.KindFormer: // asked for together with the identifier of that name
		h ^= 0xc2b2ae3d27d4eb4f
	}
	return h
}

// Get implements [tier.Cache]. It does not allocate, and may be called during and
// after Close.
func (c *Cache) Get(_ context.Context, key tenancy.Key) (tier.Result, error) {
	l := c.open.Load()
	if l == nil {
		return tier.Result{}, nil
	}
	h := c.hash(key)
	e := l.tenants.get(h, key)
	if e == nil {
		e = l.negatives.get(h, key)
	}
	runtime.KeepAlive(l) // Close waits for us
	if e == nil {
		return tier.Result{Token: tier.LocalToken}, nil
	}
	return tier.Result{Entry: e}, nil
}

// Put implements [tier.Cache]. The entry is there when Put returns, unless there
// is no room for it.
func (c *Cache) Put(_ context.Context, _ tier.Token, e *tier.Entry) error {
	return c.change(func() {
		into, other := &c.tenants, &c.negatives
		if e.Negative() {
			into, other = other, into
		}
		h := c.hash(e.Key)
		other.remove(h, func(found item) bool { return found.entry.Key == e.Key }) // or it might hide e
		into.put(h, item{e, c.now() + int64(e.TTL)})
	})
}

// Drop implements [tier.Cache].
func (c *Cache) Drop(_ context.Context, e *tier.Entry) error {
	return c.change(func() {
		h, same := c.hash(e.Key), func(found item) bool { return found.entry == e }
		c.tenants.remove(h, same)
		c.negatives.remove(h, same)
	})
}

// InvalidateAll implements [tier.Cache]. Lookups go on meanwhile. Stats keep
// counting from where they are.
func (c *Cache) InvalidateAll(context.Context) (int64, error) {
	var n int64
	err := c.change(func() {
		for _, s := range []*space{&c.tenants, &c.negatives} {
			for _, i := range s.items(whatever) {
				if s.remove(c.hash(i.entry.Key), whatever) {
					s.counts.cleared.Add(1)
					n++
				}
			}
		}
	})
	return n, err
}

// change makes changes to the spaces, and returns when they are carried out.
func (c *Cache) change(do func()) error {
	c.changing.Lock()
	defer c.changing.Unlock()
	if c.open.Load() == nil {
		return tenancy.ErrClosed
	}
	do()
	c.tenants.settle()
	c.negatives.settle()
	return nil
}

// MaxEntries returns how many entries the cache holds at most, by an estimate where it
// is bounded by bytes. The tier makes its floors to this measure.
func (c *Cache) MaxEntries() int64 { return c.maxEntries }

// Shared implements [tier.Cache]: no other process uses the cache.
func (c *Cache) Shared() bool { return false }

// Release implements [tier.Cache]. There are no leases.
func (c *Cache) Release(context.Context, tenancy.Key, tier.Token) error { return nil }

// Apply implements [tier.Cache]. It does nothing: the tier serves no entry that a
// change has outdated, and the next fill replaces it.
func (c *Cache) Apply(context.Context, tenancy.Change) error { return nil }

// now is the time since the start; it does not go back.
func (c *Cache) now() int64 { return int64(time.Since(c.start)) }
