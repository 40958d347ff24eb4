package promtenancy

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/observe"
)

// otherResolver stands for the resolvers of an application, whose names are not
// known ahead.
const otherResolver = "other"

// HTTPObserver counts what becomes of requests, for tenancyhttp.WithObserver. It is a
// collector, and safe for concurrent use.
type HTTPObserver struct {
	counts    map[decision]prometheus.Counter
	durations map[tenancyhttp.Outcome]prometheus.Histogram
	err       error // of the options
}

type decision struct {
	resolver string
	outcome  tenancyhttp.Outcome
}

var (
	_ tenancyhttp.Observer = (*HTTPObserver)(nil)
	_ prometheus.Collector = (*HTTPObserver)(nil)
)

// NewHTTPObserver returns an observer whose series are all 0. Resolvers that
// tenancyhttp.ResolverNames does not name count as "other". WithTenantCounts has no
// use for it.
func NewHTTPObserver(opts ...Option) *HTTPObserver {
	c := newConfig(opts)
	o := &HTTPObserver{counts: map[decision]prometheus.Counter{}, durations: map[tenancyhttp.Outcome]prometheus.Histogram{}, err: c.err}
	resolutions, duration := observe.HTTPMetrics()
	for _, outcome := range tenancyhttp.Outcomes() {
		o.durations[outcome] = c.histogram(duration, string(outcome))
		for _, resolver := range tenancyhttp.ResolverNames() {
			o.counts[decision{resolver, outcome}] = prometheus.NewCounter(prometheus.CounterOpts{
				Name: resolutions.PrometheusName(), Help: resolutions.Help,
				ConstLabels: c.labels(resolutions, []string{resolver, string(outcome)}),
			})
		}
	}
	return o
}

// ObserveRequest implements [tenancyhttp.Observer]. It does not allocate.
func (o *HTTPObserver) ObserveRequest(_ context.Context, e tenancyhttp.Event) {
	count, ok := o.counts[decision{e.Resolver, e.Outcome}]
	if !ok {
		if count, ok = o.counts[decision{otherResolver, e.Outcome}]; !ok {
			return // an outcome of a newer release
		}
	}
	count.Inc()
	o.durations[e.Outcome].Observe(e.Duration.Seconds())
}

// Describe implements [prometheus.Collector].
func (o *HTTPObserver) Describe(to chan<- *prometheus.Desc) {
	if o.err != nil {
		to <- prometheus.NewInvalidDesc(o.err)
	}
	prometheus.DescribeByCollect(o, to)
}

// Collect implements [prometheus.Collector].
func (o *HTTPObserver) Collect(to chan<- prometheus.Metric) {
	for _, c := range o.counts {
		to <- c
	}
	for _, h := range o.durations {
		to <- h
	}
}
