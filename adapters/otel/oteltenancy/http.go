package oteltenancy

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/observe"
)

// otherResolver stands for the resolvers of an application, whose names are not
// known ahead.
const otherResolver = "other"

// HTTPObserver counts what becomes of requests, and notes it in their spans, for
// tenancyhttp.WithObserver. It is safe for concurrent use.
type HTTPObserver struct {
	count     metric.Int64Counter
	decisions map[decision]decided
	durations map[tenancyhttp.Outcome]observe.Record
}

type decision struct {
	resolver string
	outcome  tenancyhttp.Outcome
}

// decided is made ahead for each decision.
type decided struct {
	add  []metric.AddOption
	span []attribute.KeyValue
}

var _ tenancyhttp.Observer = (*HTTPObserver)(nil)

// NewHTTPObserver returns an observer whose counts are all 0. Resolvers that
// tenancyhttp.ResolverNames does not name count as "other". It makes no spans: it adds
// tenancy.resolver and tenancy.outcome to that of the request.
func NewHTTPObserver(opts ...Option) *HTTPObserver {
	c := newConfig(opts)
	i := instruments{meter: c.meter(), name: c.name}
	resolutions, duration := observe.HTTPMetrics()
	o := &HTTPObserver{decisions: map[decision]decided{}, durations: map[tenancyhttp.Outcome]observe.Record{}}
	var err error
	o.count, err = i.meter.Int64Counter(resolutions.Name, metric.WithUnit(resolutions.Unit), metric.WithDescription(resolutions.Help))
	handle(err)
	for _, outcome := range tenancyhttp.Outcomes() {
		o.durations[outcome] = i.histogram(duration, string(outcome))
		for _, resolver := range tenancyhttp.ResolverNames() {
			attributes := i.attributes(resolutions, []string{resolver, string(outcome)})
			d := decided{
				add:  []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(attributes...))},
				span: []attribute.KeyValue{attribute.String(prefix+"resolver", resolver), outcomeKey.String(string(outcome))},
			}
			o.decisions[decision{resolver, outcome}] = d
			o.count.Add(context.Background(), 0, d.add...) // there from the start
		}
	}
	return o
}

// ObserveRequest implements [tenancyhttp.Observer].
func (o *HTTPObserver) ObserveRequest(ctx context.Context, e tenancyhttp.Event) {
	d, ok := o.decisions[decision{e.Resolver, e.Outcome}]
	if !ok {
		if d, ok = o.decisions[decision{otherResolver, e.Outcome}]; !ok {
			return // an outcome of a newer release
		}
	}
	o.count.Add(ctx, 1, d.add...)
	o.durations[e.Outcome](ctx, e.Duration, nil)
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetAttributes(d.span...)
	}
}
