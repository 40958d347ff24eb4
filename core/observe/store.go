package observe

import (
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Store is a store of which every operation is seen. Create one with Wrap; it is
// safe for concurrent use.
type Store struct {
	next   tenancy.Store
	source tenancy.Source // nil if next is none
	trace  Trace
	took   [operations]Record // nil if nobody wants them
	tiers  []*observedTier    // below, outermost first
	series []Series
	census *census // nil if nobody wants it
	counts counts
}

var (
	_ tenancy.Source       = (*Store)(nil)
	_ tenancy.Purger       = (*Store)(nil)
	_ tenancy.BatchCreator = (*Store)(nil)
)

// SampleEvery is of how many calls of a sampled operation one is measured, on
// average.
const SampleEvery = 64

// Wrap returns next, of which everything is seen, and so is the work of every tier
// below. It has every capability of next, and closing it closes next. Errors pass
// through as they are. If next is nil, everything but Close fails with
// [tenancy.ErrInvalid].
func Wrap(next tenancy.Store, cfg Config) *Store {
	if next == nil {
		next = driver.Extend(nil)
	}
	s := &Store{next: next, trace: cfg.Trace}
	s.source, _ = tenancy.SourceOf(next)
	s.counts.spread()
	for _, op := range Operations() {
		if cfg.Histogram != nil {
			s.took[op] = cfg.Histogram(metricOperationDuration, op.String())
		}
		for _, outcome := range Outcomes() {
			s.add(metricOperations, func() float64 { return count(s.Calls(op, outcome)) }, op.String(), outcome.String())
		}
	}
	s.watch(cfg)
	if cfg.TenantCounts > 0 {
		s.census = newCensus(next, max(cfg.TenantCounts, time.Second))
		s.census.addTo(s)
	}
	return s
}

// Below returns the store that s decorates, so that tier.Walk finds the tiers
// under it.
func (s *Store) Below() tenancy.Store { return s.next }

// HasSource reports whether what is below is a [tenancy.Source].
func (s *Store) HasSource() bool { return s.source != nil }

// Close implements [tenancy.Store].
func (s *Store) Close() error {
	if s.census != nil {
		s.census.close()
	}
	return s.next.Close()
}
