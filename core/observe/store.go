package observe

import (
	"fmt"
	"time"

	"github.com/go-tenancy/tenantstore/core/internal/nilvalue"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Store is a store of which every operation is seen. Create one with Wrap; it is
// safe for concurrent use.
type Store struct {
	tenancy.Decorator
	trace  Trace
	took   [operations]Record // nil if nobody wants them
	stack  *observedStack     // below, or nil
	series []Series
	census *census // nil if nobody wants it
	counts counts
}

var _ tenancy.Source = (*Store)(nil)

// SampleEvery is of how many calls of a sampled operation one is measured, on
// average.
const SampleEvery = 64

// Wrap returns next, of which everything is seen, and so is the work of the caches
// below. It has every capability of next, and closing it closes next. Errors pass
// through as they are. It fails with [tenancy.ErrInvalid] if next is nil.
func Wrap(next tenancy.Store, cfg Config) (*Store, error) {
	if nilvalue.Is(next) {
		return nil, &tenancy.Error{Op: "Wrap", Err: fmt.Errorf("%w: observe: the store is nil", tenancy.ErrInvalid)}
	}
	s := &Store{Decorator: tenancy.Decorator{Next: next}, trace: cfg.Trace}
	s.counts.spread()
	s.add(metricBuildInfo, func() float64 { return 1 }, cfg.Version)
	for _, op := range Operations() {
		if cfg.Histogram != nil {
			s.took[op] = cfg.Histogram(metricOperationDuration, op.String())
		}
		for _, outcome := range Outcomes() {
			s.add(metricOperations, func() float64 { return count(s.Calls(op, outcome)) }, op.String(), outcome.String())
		}
	}
	s.watch(cfg)
	s.watchReplica(cfg)
	if cfg.TenantCounts > 0 {
		s.census = newCensus(next, max(cfg.TenantCounts, time.Second))
		s.census.addTo(s)
	}
	return s, nil
}

// Close implements [tenancy.Store].
func (s *Store) Close() error {
	if s.census != nil {
		s.census.close()
	}
	return s.Next.Close()
}
