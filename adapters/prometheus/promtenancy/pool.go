package promtenancy

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/go-tenancy/tenantstore/core/observe"
)

// PoolObserver is the collector of a pool of tenants' resources.
type PoolObserver struct{ collectors []prometheus.Collector }

var _ prometheus.Collector = (*PoolObserver)(nil)

// NewPoolObserver returns the collector of a tenantpool.Pool. WithName should name the pool
// if there are several. It fails with [tenancy.ErrInvalid] if the pool is nil or an option does
// not fit. WithTenantCounts and WithNativeHistograms have no use here.
func NewPoolObserver(pool observe.Pool, opts ...Option) (*PoolObserver, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	series, err := observe.PoolSeries(pool)
	if err != nil {
		return nil, err
	}
	o := &PoolObserver{}
	for _, one := range series {
		o.collectors = append(o.collectors, c.collector(one))
	}
	return o, nil
}

// Describe implements [prometheus.Collector].
func (o *PoolObserver) Describe(to chan<- *prometheus.Desc) {
	for _, c := range o.collectors {
		c.Describe(to)
	}
}

// Collect implements [prometheus.Collector].
func (o *PoolObserver) Collect(to chan<- prometheus.Metric) {
	for _, c := range o.collectors {
		c.Collect(to)
	}
}
