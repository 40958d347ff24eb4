package tier

import (
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/internal/inflight"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Store is a store with a cache in front. It has every capability of the store
// below. Create one with New; it is safe for concurrent use.
type Store struct {
	tenancy.Decorator
	below  driver.Source // where misses are loaded: next, or its stand-in
	source tenancy.Source
	resets *resets // what stands in for the log of a store that is no Source
	cache  Cache
	shared bool
	cfg    config

	stack *stack
	owner bool // of the stack: this is the innermost tier

	flights   flights
	refreshes refreshes
	loads     chan struct{} // a place for each load under way
	stats     counters
	observers observers
	outage    outage
	applier   *applier // of a shared cache

	calls *inflight.Group // all but hits, and what is done in the background
}

var _ tenancy.Source = (*Store)(nil)

// New returns next with cache in front of it. It does no I/O: the log is first
// read in the background and by the first lookup, so that an unreachable database
// does not stop a start.
//
// next must be a [tenancy.Source], perhaps under other tiers and decorators, or
// [WithUncoordinated] must allow less. Close closes the cache, the bus and next.
//
// A shared cache belongs below a local one. The other order is correct too, but
// every lookup then asks the shared cache first.
func New(next tenancy.Store, cache Cache, opts ...Option) (*Store, error) {
	if next == nil || cache == nil {
		return nil, invalid("it needs a store and a cache, and one of them is nil")
	}
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	s := &Store{Decorator: tenancy.Decorator{Next: next}, cache: cache, shared: cache.Shared(), cfg: cfg, calls: inflight.New(tenancy.ErrClosed)}
	s.loads = make(chan struct{}, s.cfg.maxLoads)
	for below := range Walk(next) { // they have one stack
		s.stack, s.resets = below.stack, below.resets
	}
	switch source, ok := tenancy.SourceOf(next); {
	case ok:
		s.source, s.below = source, source
	case s.shared:
		return nil, refused("a shared cache needs a tenancy.Source below it")
	case !s.cfg.uncoordinated:
		return nil, refused("the store below is no tenancy.Source; WithUncoordinated accepts a weaker guarantee")
	default:
		if s.resets == nil { // the log of a tier below, if any, is not what this one has to go by
			s.resets, s.stack = newResets(), nil
		}
		s.below = resetLog{next, s.resets}
	}
	if s.stack == nil {
		s.owner = true
		s.stack = newStack(s.below, s.shared, s.cfg)
	}
	if s.shared {
		s.applier = newApplier(cache, &s.stats, &s.observers)
	}
	s.stack.attach(s)
	return s, nil
}

func refused(why string) error {
	return &tenancy.Error{Op: "New", Err: fmt.Errorf("%w: tier: %s", errors.ErrUnsupported, why)}
}

// Reader returns the reader of the change log that the stack obeys, for others in the
// process that must know how far it was followed. It ends with the innermost tier.
func (s *Store) Reader() *follow.Reader { return s.stack.reader }

// Cache returns the cache that s was made with, for the counts of an adapter.
func (s *Store) Cache() Cache { return s.cache }

// Bus returns the bus that s was made with, or nil.
func (s *Store) Bus() Bus { return s.cfg.bus }

// self finds a tier also where a decorator embeds it, and with it the Below that leads
// past the tier.
func (s *Store) self() *Store { return s }

// Walk yields the tiers of a stack, outermost first. It looks through every
// [tenancy.Decorator].
func Walk(store tenancy.Store) iter.Seq[*Store] {
	return func(yield func(*Store) bool) {
		var last *Store
		for store != nil {
			if t, ok := store.(interface{ self() *Store }); ok && t.self() != last {
				if last = t.self(); !yield(last) {
					return
				}
			}
			decorator, ok := store.(interface{ Below() tenancy.Store })
			if !ok {
				return
			}
			store = decorator.Below()
		}
	}
}

// closePatience is how long Close waits for each kind of work to end, once its context
// has.
const closePatience = time.Second

// Close ends the calls under way and what the tier does in the background, and closes
// cache, bus and the store below. It waits until they have ended, but not for those
// that ignore the end of their contexts.
func (s *Store) Close() error {
	if !s.calls.End() {
		return nil
	}
	left := s.calls.Wait(closePatience)
	if s.owner {
		left += s.stack.reader.Close(closePatience)
	}
	if s.applier != nil {
		left += s.applier.close()
	}
	if left > 0 {
		s.cfg.logger.Warn("tenancy: closed, though calls are under way that do not end with their contexts", "calls", left)
	}
	err := s.cache.Close()
	if s.cfg.bus != nil {
		err = errors.Join(err, s.cfg.bus.Close())
	}
	return driver.ErrorIn("Close", tenancy.Key{}, errors.Join(err, s.Next.Close()))
}
