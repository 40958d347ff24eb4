package promtenancy

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/resolve"
)

// HTTPObserver counts what becomes of requests, for tenancyhttp.WithObserver. It is a
// collector, and safe for concurrent use. ObserveRequest does not allocate.
type HTTPObserver struct {
	resolve.Observer
	metrics []prometheus.Metric
}

var _ prometheus.Collector = (*HTTPObserver)(nil)

// NewHTTPObserver returns an observer whose series are all 0. Resolvers that
// [resolve.ResolverNames] does not name count as "other". WithTenantCounts has no
// use for it. It fails with [tenancy.ErrInvalid] if an option does not fit.
func NewHTTPObserver(opts ...Option) (*HTTPObserver, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	o := &HTTPObserver{}
	resolutions, duration := observe.HTTPMetrics()
	o.Observer = observe.NewRequests(
		func(resolver string, outcome resolve.Outcome) func(context.Context) {
			counter := prometheus.NewCounter(prometheus.CounterOpts{
				Name: resolutions.PrometheusName(), Help: resolutions.Help,
				ConstLabels: c.labels(resolutions, []string{resolver, string(outcome)}),
			})
			o.metrics = append(o.metrics, counter)
			return func(context.Context) { counter.Inc() }
		},
		func(outcome resolve.Outcome) observe.Record {
			histogram := c.histogram(duration, string(outcome))
			o.metrics = append(o.metrics, histogram)
			return record(histogram)
		})
	return o, nil
}

// Describe implements [prometheus.Collector].
func (o *HTTPObserver) Describe(to chan<- *prometheus.Desc) {
	prometheus.DescribeByCollect(o, to)
}

// Collect implements [prometheus.Collector].
func (o *HTTPObserver) Collect(to chan<- prometheus.Metric) {
	for _, m := range o.metrics {
		to <- m
	}
}
