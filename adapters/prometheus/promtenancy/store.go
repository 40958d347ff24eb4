package promtenancy

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Store is a store of which everything is counted, and the collector of the counts.
// It has every capability of what it wraps. Create one with Wrap; it is safe for
// concurrent use.
type Store struct {
	*observe.Store
	collectors []prometheus.Collector
	err        error // of the options
}

var (
	_ tenancy.Source       = (*Store)(nil)
	_ prometheus.Collector = (*Store)(nil)
)

// Wrap returns next with metrics. Closing it closes next.
func Wrap(next tenancy.Store, opts ...Option) *Store {
	c := newConfig(opts)
	s := &Store{err: c.err}
	s.Store = observe.Wrap(next, observe.Config{
		TenantCounts: c.counts,
		Histogram: func(m observe.Metric, values ...string) observe.Record {
			h := c.histogram(m, values...)
			s.collectors = append(s.collectors, h)
			return record(h)
		},
	})
	for _, one := range s.Series() {
		s.collectors = append(s.collectors, c.collector(one))
	}
	s.collectors = append(s.collectors, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: buildInfo, Help: "1, with the version of promtenancy.",
		ConstLabels: prometheus.Labels{"store": c.name, "version": Version},
	}, func() float64 { return 1 }))
	return s
}

// buildInfo is a metric of Prometheus alone: with OpenTelemetry, the scope has the
// version.
const buildInfo = "tenancy_build_info"

// Describe implements [prometheus.Collector].
func (s *Store) Describe(to chan<- *prometheus.Desc) {
	if s.err != nil {
		to <- prometheus.NewInvalidDesc(s.err)
	}
	for _, c := range s.collectors {
		c.Describe(to)
	}
}

// Collect implements [prometheus.Collector]. It does no I/O.
func (s *Store) Collect(to chan<- prometheus.Metric) {
	s.Refresh()
	for _, c := range s.collectors {
		c.Collect(to)
	}
}
