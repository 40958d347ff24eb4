package oteltenancy

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/resolve"
)

// HTTPObserver counts what becomes of requests, and notes it in their spans, for
// tenancyhttp.WithObserver. It is safe for concurrent use.
type HTTPObserver struct{ resolve.Observer }

// NewHTTPObserver returns an observer whose counts are all 0. Resolvers that
// [resolve.ResolverNames] does not name count as "other". It makes no spans: it adds
// tenancy.resolver and tenancy.outcome to that of the request. It fails with
// [tenancy.ErrInvalid] if an option does not fit.
func NewHTTPObserver(opts ...Option) (*HTTPObserver, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	i := instruments{meter: c.meter(), name: c.name}
	resolutions, duration := observe.HTTPMetrics()
	counter, err := i.meter.Int64Counter(resolutions.Name, metric.WithUnit(resolutions.Unit), metric.WithDescription(resolutions.Help))
	handle(err)
	return &HTTPObserver{observe.NewRequests(
		func(resolver string, outcome resolve.Outcome) func(context.Context) {
			add := []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(i.attributes(resolutions, []string{resolver, string(outcome)})...))}
			noted := []attribute.KeyValue{attribute.String(prefix+"resolver", resolver), outcomeKey.String(string(outcome))}
			counter.Add(context.Background(), 0, add...) // there from the start
			return func(ctx context.Context) {
				counter.Add(ctx, 1, add...)
				if span := trace.SpanFromContext(ctx); span.IsRecording() {
					span.SetAttributes(noted...)
				}
			}
		},
		func(outcome resolve.Outcome) observe.Record { return i.histogram(duration, string(outcome)) },
	)}, nil
}
