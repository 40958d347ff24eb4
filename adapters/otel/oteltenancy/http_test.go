package oteltenancy_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/go-tenancy/tenantstore/adapters/otel/oteltenancy"
	"github.com/go-tenancy/tenantstore/core/resolve"
)

func TestHTTPObserver(t *testing.T) {
	reader, spans := sdkmetric.NewManualReader(), tracetest.NewSpanRecorder()
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	defer func() { _ = errors.Join(meters.Shutdown(context.Background()), tracers.Shutdown(context.Background())) }()
	o, err := oteltenancy.NewHTTPObserver(oteltenancy.WithMeterProvider(meters))
	if err != nil {
		t.Fatal(err)
	}
	counts := func() map[string]int64 {
		var all metricdata.ResourceMetrics
		if err := reader.Collect(t.Context(), &all); err != nil {
			t.Fatal(err)
		}
		out := map[string]int64{}
		for _, m := range all.ScopeMetrics[0].Metrics {
			if sum, ok := m.Data.(metricdata.Sum[int64]); ok {
				for _, p := range sum.DataPoints {
					resolver, _ := p.Attributes.Value("tenancy.resolver")
					outcome, _ := p.Attributes.Value("tenancy.outcome")
					out[resolver.AsString()+" "+outcome.AsString()] = p.Value
				}
			}
		}
		return out
	}
	before := counts()
	if want := len(resolve.Outcomes()) * len(resolve.ResolverNames()); len(before) != want {
		t.Errorf("%d series before the first request, want %d", len(before), want)
	}
	ctx, span := tracers.Tracer("test").Start(t.Context(), "request")
	for _, resolver := range []string{"subdomain", "canary of an application"} {
		o.ObserveRequest(ctx, resolve.Event{
			Outcome: resolve.OutcomeUnknown, Resolver: resolver, Duration: time.Millisecond, Err: errors.New("canary"),
		})
	}
	o.ObserveRequest(ctx, resolve.Event{Outcome: "canary", Resolver: "header"})
	span.End()
	after := counts()
	if len(after) != len(before) || after["subdomain unknown"] != 1 || after["other unknown"] != 1 {
		t.Errorf("%d series, %v", len(after), after)
	}
	var attributes []string
	for _, a := range spans.Ended()[0].Attributes() {
		attributes = append(attributes, string(a.Key)+"="+a.Value.String())
	}
	slices.Sort(attributes)
	if got, want := strings.Join(attributes, " "), "tenancy.outcome=unknown tenancy.resolver=other"; got != want {
		t.Errorf("the span has %s, want %s", got, want)
	}
}
