package ristrettotier

import (
	"hash/maphash"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// New returns next with a cache in the memory of this process in front of it. See
// [tier.New] for what next must be: a stack, such as that of valkeytier, which the cache
// joins, or a store. Close closes both.
func New(next tenancy.Store, opts ...Option) (*tier.Store, error) {
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	cache, err := newCache(cfg)
	if err != nil {
		return nil, err
	}
	s, err := tier.New(next, tier.Local(cache), cfg.tier...)
	if err != nil {
		cache.Close()
		return nil, err
	}
	return s, nil
}

// Cache is a [tier.LocalCache]. Create one with NewCache; it is safe for
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

var _ tier.LocalCache = (*Cache)(nil)

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

// Get implements [tier.LocalCache]. It does not allocate, and may be called during and
// after Close.
func (c *Cache) Get(key tenancy.Key) *tier.Entry {
	l := c.open.Load()
	if l == nil {
		return nil
	}
	h := c.hash(key)
	e := l.tenants.get(h, key)
	if e == nil {
		e = l.negatives.get(h, key)
	}
	runtime.KeepAlive(l) // Close waits for us
	return e
}

// Put implements [tier.LocalCache]. The entry is there when Put returns, unless there
// is no room for it.
func (c *Cache) Put(e *tier.Entry) {
	c.change(func() {
		into, other := &c.tenants, &c.negatives
		if e.Negative() {
			into, other = other, into
		}
		h := c.hash(e.Key)
		other.remove(h, func(found item) bool { return found.entry.Key == e.Key }) // or it might hide e
		into.put(h, item{e, c.now() + int64(e.TTL)})
	})
}

// InvalidateAll implements [tier.LocalCache]. Lookups go on meanwhile. Stats keep
// counting from where they are.
func (c *Cache) InvalidateAll() (n int64) {
	c.change(func() {
		for _, s := range []*space{&c.tenants, &c.negatives} {
			for _, i := range s.items(whatever) {
				if s.remove(c.hash(i.entry.Key), whatever) {
					s.counts.cleared.Add(1)
					n++
				}
			}
		}
	})
	return n
}

// change makes changes to the spaces, unless they are closed, and returns when they are
// carried out.
func (c *Cache) change(do func()) {
	c.changing.Lock()
	defer c.changing.Unlock()
	if c.open.Load() == nil {
		return
	}
	do()
	c.tenants.settle()
	c.negatives.settle()
}

// MaxEntries implements [tier.LocalCache], by an estimate where the cache is bounded by
// bytes.
func (c *Cache) MaxEntries() int64 { return c.maxEntries }

// now is the time since the start; it does not go back.
func (c *Cache) now() int64 { return int64(time.Since(c.start)) }
