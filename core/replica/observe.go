package replica

import (
	"iter"
	"slices"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Stats counts what a replica did since New.
type Stats struct {
	follow.Stats
	Hits      int64 // lookups answered with a tenant from memory
	Negatives int64 // lookups answered from memory: no such tenant
	Below     int64 // reads that went to the source
	Loads     int64 // calls of the source for changed tenants
	Snapshots int64 // snapshot files written
}

// Stats returns the counts. They are read one by one, not as of one moment.
func (s *Store) Stats() Stats {
	return Stats{
		Stats: s.reader.Stats(), Hits: s.stats.hits.Load(), Negatives: s.stats.absent.Load(),
		Below: s.stats.below.Load(), Loads: s.stats.loads.Load(), Snapshots: s.stats.snapshots.Load(),
	}
}

// Bus returns the bus that the replica was made with, or nil.
func (s *Store) Bus() follow.Bus { return s.cfg.bus }

// Observe registers obeyed to be called for each change after reads show it. The goroutine
// that reads the log calls it, so it must not block.
func (s *Store) Observe(obeyed func(c tenancy.Change)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []func(tenancy.Change)
	if old := s.observers.Load(); old != nil {
		all = slices.Clone(*old)
	}
	all = append(all, obeyed)
	s.observers.Store(&all)
}

// Obeyed implements [follow.Follower].
func (l *loader) Obeyed(c tenancy.Change) {
	if all := l.observers.Load(); all != nil {
		for _, obeyed := range *all {
			obeyed(c)
		}
	}
}

// self finds a replica also where a decorator embeds it, and with it the Below that leads
// past the replica.
func (s *Store) self() *Store { return s }

// Walk yields the replicas of a stack, outermost first. It looks through every
// [tenancy.Decorator].
func Walk(store tenancy.Store) iter.Seq[*Store] {
	return func(yield func(*Store) bool) {
		var last *Store
		for store != nil {
			if r, ok := store.(interface{ self() *Store }); ok && r.self() != last {
				if last = r.self(); !yield(last) {
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
