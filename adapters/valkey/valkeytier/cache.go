package valkeytier

import (
	"errors"
	"sync/atomic"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// New returns next with Valkey as a shared cache in front of it. It does no I/O: it
// connects in the background, so that an unreachable Valkey does not stop a
// start. Settings of option that are zero get values that keep calls short; it
// must not read from replicas. next is no stack of caches: a local one joins this one, as
// ristrettotier.New does. Close closes everything, next included.
func New(next tenancy.Store, option valkey.ClientOption, opts ...Option) (*tier.Store, error) {
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	cache, err := NewCache(option, opts...)
	if err != nil {
		return nil, err
	}
	if !cfg.bus {
		return stack(next, cache, cfg)
	}
	bus, err := NewBus(option, opts...)
	if err != nil {
		return nil, errors.Join(err, cache.Close())
	}
	cfg.tier = append(cfg.tier, tier.WithBus(bus))
	s, err := stack(next, cache, cfg)
	if err != nil {
		return nil, errors.Join(err, bus.Close())
	}
	return s, nil
}

// NewWithClient is New with a client that the caller made, and closes after the
// store: see NewCacheWithClient for what it costs.
func NewWithClient(next tenancy.Store, client valkey.Client, opts ...Option) (*tier.Store, error) {
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	if cfg.bus {
		return nil, invalid("WithBus needs a client of its own: pass tier.WithBus with a NewBus by WithTier")
	}
	cache, err := NewCacheWithClient(client, opts...)
	if err != nil {
		return nil, err
	}
	return stack(next, cache, cfg)
}

// stack closes cache if it fails.
func stack(next tenancy.Store, cache *Cache, cfg config) (*tier.Store, error) {
	s, err := tier.New(next, tier.Shared(cache), cfg.tier...)
	if err != nil {
		return nil, errors.Join(err, cache.Close())
	}
	return s, nil
}

// Cache is a shared cache for [tier.New], for those who want its Stats or another
// order of things than New. It is safe for concurrent use.
type Cache struct {
	cfg     config
	link    *link
	scripts scripts
	flawed  flawCounts
	dropped atomic.Int64
}

var _ tier.SharedCache = (*Cache)(nil)

// NewCache returns a cache on the servers of option, in the way of New.
func NewCache(option valkey.ClientOption, opts ...Option) (*Cache, error) {
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	l, err := newLink(cfg, cacheUse, cfg.prefix+probeKey, option)
	if err != nil {
		return nil, err
	}
	return newCache(cfg, l), nil
}

// probeKey follows the prefix in the key for probes. No tenant has it: an ID holds no
// NUL.
const probeKey = string(tenancy.KindID) + ":\x00"

func newCache(cfg config, l *link) *Cache { return &Cache{cfg: cfg, link: l, scripts: newScripts()} }

// NewCacheWithClient returns a cache that uses client and does not close it.
//
// The bounds are then those of the client. Set DisableCache, DisableRetry,
// AlwaysPipelining, a ConnWriteTimeout of 200 ms (the deadline, if that is longer)
// and a Dialer with a Timeout of 100 ms and a KeepAlive of 200 ms, as New does (and a
// MaxFlushDelay of 20 µs, for throughput): with valkey-go's own settings, a
// call may take as long as connecting takes (5 s), whatever the deadline, for up to
// 128 lookups, until the breaker opens. Commands of others on the same connections
// delay those of the cache, and it must not read from replicas.
func NewCacheWithClient(client valkey.Client, opts ...Option) (*Cache, error) {
	if client == nil {
		return nil, invalid("the client is nil")
	}
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	return newCache(cfg, newClientLink(cfg, cacheUse, cfg.prefix+probeKey, client)), nil
}

// Close implements [tier.SharedCache]. It leaves a client that the caller made open.
func (c *Cache) Close() error {
	c.link.close()
	return nil
}
