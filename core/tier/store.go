package tier

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/internal/inflight"
	"github.com/go-tenancy/tenantstore/core/internal/nilvalue"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Store is a store with a stack of caches in front: at most one local and one shared cache,
// asked in this order. It has every capability of the store below. Create one with New; it
// is safe for concurrent use.
type Store struct {
	follow.Decorator        // the writes, and the log
	below            loader // where misses are loaded: Next, or resets
	cfg              config // of the stack

	local  atomic.Pointer[local] // nil until there is one
	shared *shared               // nil if there is none

	reader *follow.Reader
	fence  atomic.Pointer[fence] // replaced, and floors raised, while the position does not move

	flights   flights
	loads     chan struct{} // a place for each load under way
	observers observers
	stats     counters

	contact sync.Mutex // guards what follows
	lost    bool       // contact with the log
}

// local is the local cache of a stack.
type local struct {
	LocalCache
	cfg       cacheConfig
	stats     cacheCounters
	outage    outage
	refreshes refreshes
}

// shared is the shared cache of a stack.
type shared struct {
	SharedCache
	cfg     cacheConfig
	stats   cacheCounters
	outage  outage
	applier *applier
}

var _ tenancy.Source = (*Store)(nil)

// Cache is what New adds to a stack: a [Local] or a [Shared] one.
type Cache struct {
	local  LocalCache
	shared SharedCache
}

// Local returns c for New.
func Local(c LocalCache) Cache { return Cache{local: c} }

// Shared returns c for New.
func Shared(c SharedCache) Cache { return Cache{shared: c} }

func (c Cache) kind() kind {
	if c.local != nil {
		return localKind
	}
	return sharedKind
}

// New returns next with cache in front of it. It does no I/O: the log is first read in the
// background, so that an unreachable database does not prevent a start.
//
// If next is a Store, New adds a local cache to its stack, and returns next: a stack is one
// Store, whose options are given when it begins. New fails with [tenancy.ErrInvalid] for a
// second cache of a kind, for a shared cache in front of a local one, and for a decorator
// between caches. A decorator goes around the whole stack.
//
// Otherwise New begins a stack. next must be a [tenancy.Source], perhaps under decorators,
// unless [WithUncoordinated] is given; New fails with [errors.ErrUnsupported] otherwise.
// Close closes the caches, the bus and next.
func New(next tenancy.Store, cache Cache, opts ...Option) (*Store, error) {
	if nilvalue.Is(next) || nilvalue.Is(cache.local) && nilvalue.Is(cache.shared) {
		return nil, invalid("it needs a store and a cache, and one of them is nil")
	}
	cfg, err := newConfig(cache.kind(), opts)
	if err != nil {
		return nil, err
	}
	below, found := Of(next)
	switch {
	case !found:
		return begin(next, cache, cfg)
	case tenancy.Store(below) != next:
		return nil, invalid("a decorator stands between this cache and the stack below it: put it around the outermost one, where it sees all")
	case cache.local == nil:
		return nil, invalid("a shared cache begins a stack: it stands below the local one, and there is one at most")
	case len(cfg.given) > 0:
		return nil, invalid("%s is an option of the stack: give it to the New of the shared cache, which begins it", cfg.given[0])
	}
	l := &local{LocalCache: cache.local, cfg: cfg.cache}
	if !below.join(l) {
		return nil, invalid("the stack below has a local cache already")
	}
	return below, nil
}

// begin returns a new stack.
func begin(next tenancy.Store, cache Cache, cfg config) (*Store, error) {
	s := &Store{cfg: cfg, loads: make(chan struct{}, cfg.maxLoads)}
	var log tenancy.Log
	switch source, ok := tenancy.SourceOf(next); {
	case ok:
		s.below, log = source, source
	case cache.shared != nil:
		return nil, refused("a shared cache needs a tenancy.Source below it")
	case !cfg.uncoordinated:
		return nil, refused("the store below is no tenancy.Source; WithUncoordinated accepts a weaker guarantee")
	default:
		resets := newResets(next)
		s.below, log = resets, resets
	}
	s.fence.Store(newFence(nil, 0, minBuckets))
	if cache.shared != nil {
		s.fence.Store(newFence(nil, 0, defaultBuckets))
		s.shared = &shared{SharedCache: cache.shared, cfg: cfg.cache}
		s.shared.applier = newApplier(s.shared, &s.observers)
	}
	s.reader = follow.New(log, follower{s}, follow.Config{Replay: s.shared != nil, Timeout: cfg.followTimeout, Logger: cfg.logger})
	s.Decorator = follow.NewDecorator(next, s.reader, holder{s})
	s.reader.LimitStale(cfg.maxStale)
	if cache.local != nil {
		s.join(&local{LocalCache: cache.local, cfg: cfg.cache})
	}
	if cfg.bus != nil {
		s.reader.Join(cfg.bus)
	}
	return s, nil
}

// join makes l the local cache, unless there is one.
func (s *Store) join(l *local) bool {
	s.contact.Lock()
	l.outage.note(s.lost, &l.stats)
	joined := s.local.CompareAndSwap(nil, l)
	s.contact.Unlock()
	buckets := bucketsFor(l.MaxEntries())
	s.reader.Hold(func(tenancy.Position) {
		if fence := s.fence.Load(); joined && buckets > fence.buckets() {
			s.fence.Store(fence.grown(buckets))
		}
	})
	return joined
}

// Of returns the stack in store, which may be under decorators.
func Of(store tenancy.Store) (*Store, bool) {
	for store != nil {
		if s, ok := store.(interface{ stack() *Store }); ok {
			return s.stack(), true
		}
		decorator, ok := store.(interface{ Below() tenancy.Store })
		if !ok {
			break
		}
		store = decorator.Below()
	}
	return nil, false
}

// calls are what Close ends and waits for.
func (s *Store) calls() *inflight.Group { return follow.Calls(&s.Decorator) }

// stack finds a stack also where a decorator embeds it.
func (s *Store) stack() *Store { return s }

// Local returns the local cache, or nil, for the counts of an adapter.
func (s *Store) Local() LocalCache {
	if l := s.local.Load(); l != nil {
		return l.LocalCache
	}
	return nil
}

// Shared returns the shared cache, or nil, for the counts of an adapter.
func (s *Store) Shared() SharedCache {
	if s.shared != nil {
		return s.shared.SharedCache
	}
	return nil
}

// Bus returns the bus, or nil.
func (s *Store) Bus() Bus { return s.cfg.bus }

// Close ends the calls under way and the background work, waits for them, and closes the
// caches, the bus and the store below. It does not wait for calls that ignore the end of
// their contexts.
func (s *Store) Close() error { return follow.CloseAfter(&s.Decorator, s.drain, s.closeCaches) }

func (s *Store) drain(patience time.Duration) (left int64) {
	if s.shared != nil {
		left = s.shared.applier.close(patience)
	}
	return left
}

func (s *Store) closeCaches() error {
	var errs []error
	if l := s.local.Load(); l != nil {
		l.Close()
	}
	if s.shared != nil {
		errs = append(errs, s.shared.Close())
	}
	if s.cfg.bus != nil {
		errs = append(errs, s.cfg.bus.Close())
	}
	return errors.Join(errs...)
}
