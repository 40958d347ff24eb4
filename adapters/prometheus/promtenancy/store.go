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
}

var (
	_ tenancy.Source       = (*Store)(nil)
	_ prometheus.Collector = (*Store)(nil)
)

// Wrap returns next with metrics. Closing it closes next. It fails with
// [tenancy.ErrInvalid] if next is nil or an option does not fit.
func Wrap(next tenancy.Store, opts ...Option) (*Store, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	s := &Store{}
	s.Store, err = observe.Wrap(next, observe.Config{
		Version:      Version,
		TenantCounts: c.counts,
		Histogram: func(m observe.Metric, values ...string) observe.Record {
			h := c.histogram(m, values...)
			s.collectors = append(s.collectors, h)
			return record(h)
		},
	})
	if err != nil {
		return nil, err
	}
	for _, one := range s.Series() {
		s.collectors = append(s.collectors, c.collector(one))
	}
	return s, nil
}

// Describe implements [prometheus.Collector].
func (s *Store) Describe(to chan<- *prometheus.Desc) {
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
