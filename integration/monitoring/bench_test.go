package monitoring_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/valkey-io/valkey-go"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/go-tenancy/tenantstore/adapters/otel/oteltenancy"
	"github.com/go-tenancy/tenantstore/adapters/prometheus/promtenancy"
	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

const benchTenants = 1_000

// BenchmarkHit compares hits of Ristretto through decorators with those of the bare
// stack: x-bare is the ratio. The variants take turns in short batches, so that
// whatever else the machine does meets all of them; of each, the fastest tenth counts,
// since that only ever adds time. The context is that of a request in a span that is not
// sampled.
func BenchmarkHit(b *testing.B) {
	bare, ts := benchStack(b)
	ctx := requestContext(b)
	variants := decorated(b, bare)
	const batch = 2_000
	times := make([][]float64, len(variants))
	lookup := func(s tenancy.Store, i int) {
		t, err := s.GetByIdentifier(ctx, ts[i%benchTenants].Identifier)
		if err != nil || t.ID != ts[i%benchTenants].ID {
			b.Fatal(t.ID, err)
		}
	}
	for round := 0; b.Loop(); round++ {
		for k := range variants {
			v := (k + round) % len(variants)
			begun := time.Now()
			for i := range batch {
				lookup(variants[v].store, i)
			}
			times[v] = append(times[v], float64(time.Since(begun).Nanoseconds())/batch)
		}
	}
	base := fastest(times[0])
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(base, "bare-ns")
	for v := 1; v < len(variants); v++ {
		b.ReportMetric(fastest(times[v])/base, variants[v].name+"-x-bare")
	}
}

// variant is a stack by another name.
type variant struct {
	name  string
	store tenancy.Store
}

// decorated returns bare, and bare with each decorator.
func decorated(tb testing.TB, bare tenancy.Store) []variant {
	tb.Helper()
	return []variant{
		{"bare", bare},
		{"prometheus", must(promtenancy.Wrap(bare))},
		{"otel-noop", must(oteltenancy.Wrap(bare,
			oteltenancy.WithTracerProvider(tracenoop.NewTracerProvider()), oteltenancy.WithMeterProvider(metricnoop.NewMeterProvider())))},
		{"otel-sdk-unsampled", unsampled(tb, bare)},
		{"both", must(promtenancy.Wrap(unsampled(tb, bare)))},
	}
}

// requestContext is a context of some depth with a span that is not sampled.
func requestContext(tb testing.TB) context.Context {
	tb.Helper()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
	tb.Cleanup(func() { _ = tracers.Shutdown(context.Background()) })
	ctx, cancel := context.WithCancel(context.Background())
	tb.Cleanup(cancel)
	ctx, span := tracers.Tracer("test").Start(ctx, "request")
	span.End()
	return tenancy.NewContext(ctx, tenancy.Tenant{})
}

// Sampled calls go a longer way; the median is that of the others.
func TestHitsDoNotAllocate(t *testing.T) {
	bare, ts := benchStack(t)
	ctx := requestContext(t)
	for _, v := range decorated(t, bare) {
		var runs [101]float64
		for i := range runs {
			runs[i] = testing.AllocsPerRun(1, func() { _, _ = v.store.GetByIdentifier(ctx, ts[0].Identifier) })
		}
		slices.Sort(runs[:])
		if n := runs[len(runs)/2]; n != 0 {
			t.Errorf("%s: %v allocations, want 0", v.name, n)
		}
	}
}

// unsampled has the SDK of OpenTelemetry, with every instrument but no span recorded.
func unsampled(tb testing.TB, s tenancy.Store) tenancy.Store {
	tb.Helper()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	tb.Cleanup(func() {
		_ = tracers.Shutdown(context.Background())
		_ = meters.Shutdown(context.Background())
	})
	return must(oteltenancy.Wrap(s, oteltenancy.WithTracerProvider(tracers), oteltenancy.WithMeterProvider(meters)))
}

// BenchmarkScrape is what one scrape costs, from Gather to the text: of an empty
// registry, of one with the process and Go collectors, and of one with a full stack:
// two tiers, breaker, bus and tenant counts. B/scrape is the length of the text.
func BenchmarkScrape(b *testing.B) {
	full := prometheus.NewRegistry()
	full.MustRegister(fullStack(b))
	usual := prometheus.NewRegistry()
	usual.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, c := range []struct {
		name     string
		registry *prometheus.Registry
	}{{"empty", prometheus.NewRegistry()}, {"go+process", usual}, {"full-stack", full}} {
		b.Run(c.name, func(b *testing.B) {
			handler := promhttp.HandlerFor(c.registry, promhttp.HandlerOpts{DisableCompression: true})
			request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
			b.ReportAllocs()
			length, lines := 0, 0
			for b.Loop() {
				answer := httptest.NewRecorder()
				handler.ServeHTTP(answer, request)
				length, lines = answer.Body.Len(), bytes.Count(answer.Body.Bytes(), []byte("\ntenancy_"))
			}
			b.ReportMetric(float64(length), "B/scrape")
			b.ReportMetric(float64(lines), "series")
		})
	}
}

// fullStack has a local tier over a shared one that never connects, which costs a
// scrape the same.
func fullStack(b *testing.B) *promtenancy.Store {
	b.Helper()
	quiet := slog.New(slog.DiscardHandler)
	shared, err := valkeytier.New(memstore.New(), valkey.ClientOption{InitAddress: []string{"127.0.0.1:1"}},
		valkeytier.WithBus(), valkeytier.WithLogger(quiet))
	if err != nil {
		b.Fatal(err)
	}
	local, err := ristrettotier.New(shared)
	if err != nil {
		b.Fatal(err)
	}
	s := must(promtenancy.Wrap(local, promtenancy.WithTenantCounts(time.Minute)))
	b.Cleanup(func() { _ = s.Close() })
	return s
}

func benchStack(b testing.TB) (*tier.Store, []tenancy.Tenant) {
	b.Helper()
	ctx := context.Background()
	s, err := ristrettotier.New(memstore.New(), ristrettotier.WithTier(tier.WithLogger(slog.New(slog.DiscardHandler))))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	ts := make([]tenancy.Tenant, benchTenants)
	for i := range ts {
		name := fmt.Sprintf("tenant-%04d", i)
		if ts[i], err = s.Create(ctx, tenancy.Tenant{Identifier: name, Name: name}); err != nil {
			b.Fatal(err)
		}
		if _, err := s.GetByIdentifier(ctx, name); err != nil {
			b.Fatal(err)
		}
	}
	return s, ts
}

func fastest(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/10]
}
