package promtenancy

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/go-tenancy/tenantstore/adapters/prometheus/internal/metrics"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// Store is a store of which everything is counted, and the collector of the counts.
// It has every capability of what it wraps. Create one with Wrap; it is safe for
// concurrent use.
type Store struct {
	*observe.Store
	series []prometheus.Collector
	tiers  []*tierSeries
	census *census // nil unless asked for
}

var (
	_ tenancy.Source       = (*Store)(nil)
	_ prometheus.Collector = (*Store)(nil)
)

// Wrap returns next with metrics. Closing it closes next.
func Wrap(next tenancy.Store, opts ...Option) *Store {
	cfg := newConfig(opts)
	f := family{labels: prometheus.Labels{"store": cfg.name}, native: cfg.native}
	s := &Store{}
	durations := make([]prometheus.Histogram, len(observe.Operations()))
	s.Store = observe.Wrap(next, observe.Hooks{
		Measured: func(_ context.Context, op observe.Operation, took time.Duration) {
			durations[op].Observe(took.Seconds())
		},
	})
	for _, op := range observe.Operations() {
		durations[op] = f.histogram(metrics.OperationDuration, fromMicros(), op.String())
		s.series = append(s.series, durations[op])
		for _, outcome := range observe.Outcomes() {
			s.series = append(s.series, f.series(metrics.Operations, func() float64 { return count(s.Calls(op, outcome)) }, op.String(), outcome.String()))
		}
	}
	for t := range tier.Walk(next) {
		s.tiers = append(s.tiers, newTierSeries(t, f, len(s.tiers)+1))
	}
	for _, t := range s.tiers {
		s.series = append(s.series, t.series...)
	}
	if len(s.tiers) > 0 {
		s.series = append(s.series, logSeries(s.tiers, f)...)
	}
	if cfg.counts > 0 {
		s.census = newCensus(next, cfg.counts)
		s.series = append(s.series, s.census.series(f)...)
	}
	s.series = append(s.series, f.series(metrics.BuildInfo, func() float64 { return 1 }, Version))
	return s
}

// Close implements [tenancy.Store].
func (s *Store) Close() error {
	if s.census != nil {
		s.census.close()
	}
	return s.Store.Close()
}

// Describe implements [prometheus.Collector].
func (s *Store) Describe(to chan<- *prometheus.Desc) {
	for _, one := range s.series {
		one.Describe(to)
	}
}

// Collect implements [prometheus.Collector]. It does no I/O.
func (s *Store) Collect(to chan<- prometheus.Metric) {
	for _, t := range s.tiers {
		t.read()
	}
	for _, one := range s.series {
		one.Collect(to)
	}
}
