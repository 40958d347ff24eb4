package oteltenancy_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/goleak"

	"github.com/go-tenancy/tenantstore/adapters/otel/oteltenancy"
	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is an SDK that keeps everything, and a stack over it.
type bench struct {
	*oteltenancy.Store
	spans  *tracetest.SpanRecorder
	tracer trace.Tracer
	reader *sdkmetric.ManualReader
	source *faults.Source
	server *faults.Server
}

func newBench(tb testing.TB, stack func(*bench) tenancy.Store, opts ...oteltenancy.Option) *bench {
	tb.Helper()
	b := &bench{
		spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader(),
		source: faults.NewSource(memstore.New(), 1), server: faults.NewServer(),
	}
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(b.spans))
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(b.reader))
	tb.Cleanup(func() {
		if err := errors.Join(tracers.Shutdown(context.Background()), meters.Shutdown(context.Background())); err != nil {
			tb.Error(err)
		}
	})
	b.tracer = tracers.Tracer("test")
	opts = append([]oteltenancy.Option{oteltenancy.WithTracerProvider(tracers), oteltenancy.WithMeterProvider(meters)}, opts...)
	b.Store = closing(tb, wrap(tb, stack(b), opts...))
	return b
}

// twoTiers has a bare cache in front of a shared one.
func twoTiers(tb testing.TB) func(*bench) tenancy.Store {
	return func(b *bench) tenancy.Store {
		return both(tb, b.source, b.server)
	}
}

// traced runs do in a span of the caller, and returns its trace as text, one
// line for each span in order of their ends: its name, its parent's name, what its
// status is and its attributes. The caller's span is called "caller".
func (b *bench) traced(tb testing.TB, do func(ctx context.Context)) []string {
	tb.Helper()
	b.spans.Reset()
	ctx, span := b.tracer.Start(tb.Context(), "caller")
	do(ctx)
	span.End()
	names := map[trace.SpanID]string{}
	for _, s := range b.spans.Ended() {
		names[s.SpanContext().SpanID()] = s.Name()
	}
	var lines []string
	for _, s := range b.spans.Ended() {
		if s.SpanContext().TraceID() != span.SpanContext().TraceID() {
			continue // of the background
		}
		line := strings.TrimPrefix(s.Name(), "tenancy.")
		if p := s.Parent(); p.IsValid() {
			line += " < " + strings.TrimPrefix(names[p.SpanID()], "tenancy.")
		}
		if s.Status().Code == codes.Error {
			line += " ERROR " + s.Status().Description
		}
		var attributes []string
		for _, a := range s.Attributes() {
			attributes = append(attributes, strings.TrimPrefix(string(a.Key), "tenancy.")+"="+a.Value.String())
		}
		slices.Sort(attributes)
		if len(attributes) > 0 {
			line += ": " + strings.Join(attributes, " ")
		}
		lines = append(lines, line)
	}
	return lines
}

func (b *bench) want(tb testing.TB, what string, do func(ctx context.Context), want ...string) {
	tb.Helper()
	if got := b.traced(tb, do); !slices.Equal(got, want) {
		tb.Errorf("%s:\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSpans(t *testing.T) {
	b := newBench(t, twoTiers(t))
	var acme tenancy.Tenant
	b.want(t, "a write", func(ctx context.Context) {
		var err error
		if acme, err = b.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
			t.Fatal(err)
		}
	}, "create < caller: operation=create outcome=ok", "caller")
	get := func(identifier string) func(context.Context) {
		return func(ctx context.Context) { _, _ = b.GetByIdentifier(ctx, identifier) }
	}
	b.want(t, "a miss", get("acme"),
		"cache.get < get_by_identifier: outcome=ok tier=l2",
		"source.load < get_by_identifier: outcome=ok",
		"get_by_identifier < caller: operation=get_by_identifier outcome=ok served_by=source",
		"caller")
	b.want(t, "a hit", get("acme"), "caller: operation=get_by_identifier result=hit served_by=l1")
	b.want(t, "a miss of what does not exist", get("absent"),
		"cache.get < get_by_identifier: outcome=ok tier=l2",
		"source.load < get_by_identifier: outcome=ok",
		"get_by_identifier < caller: operation=get_by_identifier outcome=ok served_by=source",
		"caller")
	b.want(t, "a negative hit", get("absent"), "caller: operation=get_by_identifier result=negative served_by=l1")
	b.want(t, "a malformed one", get("NO"), "caller")
	b.want(t, "the ID of one that exists", func(ctx context.Context) { _, _ = b.Exists(ctx, acme.ID) },
		"cache.get < exists: outcome=ok tier=l2",
		"source.load < exists: outcome=ok",
		"exists < caller: operation=exists outcome=ok served_by=source",
		"caller")
	stack, _ := tier.Of(b)
	if _, err := stack.InvalidateAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.want(t, "a conflict", func(ctx context.Context) {
		_, _ = b.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	}, "create < caller: operation=create outcome=conflict", "caller")
	canceled := func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		_, _ = b.List(ctx, tenancy.ListOptions{})
	}
	b.want(t, "a caller that went away", canceled, "list < caller: operation=list outcome=canceled", "caller")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b.want(t, "a closed store", func(ctx context.Context) { _, _ = b.Count(ctx, tenancy.Filter{}) },
		"count < caller ERROR unavailable: error.type=unavailable operation=count outcome=unavailable", "caller")
}

// What the shared tier has is served from there.
func TestServedBySharedTier(t *testing.T) {
	server := faults.NewServer()
	b := newBench(t, func(b *bench) tenancy.Store {
		first := closing(t, both(t, b.source, server))
		if _, err := first.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
			t.Fatal(err)
		}
		if _, err := first.GetByIdentifier(t.Context(), "acme"); err != nil {
			t.Fatal(err)
		}
		for first.Stats().Shared.Fills == 0 { // after the answer; or the test ends by its own deadline
			time.Sleep(time.Millisecond)
		}
		return both(t, b.source, server)
	})
	b.want(t, "a hit of the shared tier", func(ctx context.Context) { _, _ = b.GetByIdentifier(ctx, "acme") },
		"cache.get < get_by_identifier: outcome=ok tier=l2",
		"get_by_identifier < caller: operation=get_by_identifier outcome=ok served_by=l2",
		"caller")
}

// With a decorator of its own around one that is there already, the caller's span does
// not call a miss a hit.
func TestWrappedTwice(t *testing.T) {
	b := newBench(t, func(b *bench) tenancy.Store { return wrap(t, twoTiers(t)(b)) })
	if _, err := b.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	get := func(ctx context.Context) { _, _ = b.GetByIdentifier(ctx, "acme") }
	b.want(t, "a miss", get,
		"cache.get < get_by_identifier: outcome=ok tier=l2",
		"source.load < get_by_identifier: outcome=ok",
		"get_by_identifier < caller: operation=get_by_identifier outcome=ok served_by=source",
		"caller")
	b.want(t, "a hit", get, "caller: operation=get_by_identifier result=hit served_by=l1")
}

// Without a tier, every lookup is work.
func TestSpansOfABareStore(t *testing.T) {
	b := newBench(t, func(b *bench) tenancy.Store { return b.source }, oteltenancy.WithTenantID())
	b.want(t, "a lookup", func(ctx context.Context) { _, _ = b.GetByIdentifier(ctx, "absent") },
		"get_by_identifier < caller: operation=get_by_identifier outcome=not_found", "caller")
	if _, err := b.Create(t.Context(), tenancy.Tenant{ID: "t1", Identifier: "acme", Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	b.want(t, "a lookup, with the ID on the caller's span", func(ctx context.Context) { _, _ = b.GetByIdentifier(ctx, "acme") },
		"get_by_identifier < caller: operation=get_by_identifier outcome=ok", "caller: tenant.id=t1")
}

// A refresh outlives the request whose hit began it: it is a root, with a link.
func TestRefreshIsARootWithALink(t *testing.T) {
	b := newBench(t, func(b *bench) tenancy.Store {
		return local(t, b.source, tier.WithTTL(time.Second), tier.WithRefreshAhead(0.1))
	})
	if _, err := b.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	ctx, span := b.tracer.Start(t.Context(), "caller")
	defer span.End()
	for deadline := time.Now().Add(5 * time.Minute); b.find("tenancy.cache.refresh") == nil; {
		if _, err := b.GetByIdentifier(ctx, "acme"); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatal("no refresh within 10 s")
		}
	}
	s := b.find("tenancy.cache.refresh")
	if s.Parent().IsValid() || len(s.Links()) != 1 || s.Links()[0].SpanContext.SpanID() != span.SpanContext().SpanID() {
		t.Errorf("parent %v, links %v", s.Parent(), s.Links())
	}
}

// find returns a span with this name, or nil.
func (b *bench) find(name string) sdktrace.ReadOnlySpan {
	for _, s := range b.spans.Ended() {
		if s.Name() == name {
			return s
		}
	}
	return nil
}

// A shared cache is made to obey a change in the background, and by the processes
// that only follow the log.
func TestApplyIsARoot(t *testing.T) {
	b := newBench(t, twoTiers(t))
	for deadline := time.Now().Add(5 * time.Minute); b.find("tenancy.cache.apply") == nil; time.Sleep(time.Millisecond) {
		if _, err := b.Create(t.Context(), tenancy.Tenant{Identifier: "acme-" + tenancy.NewID()[24:], Name: "Acme"}); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatal("no span")
		}
	}
	if s := b.find("tenancy.cache.apply"); s.Parent().IsValid() {
		t.Errorf("parent %v", s.Parent())
	}
}

func (b *bench) metrics(tb testing.TB) map[string]metricdata.Metrics {
	tb.Helper()
	var all metricdata.ResourceMetrics
	if err := b.reader.Collect(context.Background(), &all); err != nil {
		tb.Fatal(err)
	}
	byName := map[string]metricdata.Metrics{}
	for _, scope := range all.ScopeMetrics {
		if scope.Scope.Name != oteltenancy.ScopeName || scope.Scope.Version != oteltenancy.Version {
			tb.Errorf("scope %v", scope.Scope)
		}
		for _, m := range scope.Metrics {
			byName[m.Name] = m
		}
	}
	return byName
}

// points returns the points of a metric by their attributes.
func points(m metricdata.Metrics) map[string]float64 {
	out := map[string]float64{}
	add := func(set attribute.Set, v float64) { out[set.Encoded(attribute.DefaultEncoder())] = v }
	switch data := m.Data.(type) {
	case metricdata.Sum[float64]:
		for _, p := range data.DataPoints {
			add(p.Attributes, p.Value)
		}
	case metricdata.Gauge[float64]:
		for _, p := range data.DataPoints {
			add(p.Attributes, p.Value)
		}
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			add(p.Attributes, float64(p.Count))
		}
	}
	return out
}

func TestZeroOptionsMeanTheDefaults(t *testing.T) {
	b := newBench(t, twoTiers(t), oteltenancy.WithName(""))
	if _, ok := points(b.metrics(t)["tenancy.log.serving"])["tenancy.store="+oteltenancy.DefaultName]; !ok {
		t.Errorf("tenancy.log.serving has %v", points(b.metrics(t)["tenancy.log.serving"]))
	}
	store := wrap(t, memstore.New(), oteltenancy.WithTracerProvider(nil), oteltenancy.WithMeterProvider(nil))
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

func TestMetrics(t *testing.T) {
	b := newBench(t, twoTiers(t), oteltenancy.WithTenantCounts(time.Second), oteltenancy.WithName("archive"))
	ctx := t.Context()
	if _, err := b.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := b.GetByIdentifier(ctx, "acme"); err != nil {
			t.Fatal(err)
		}
	}
	active := func() float64 {
		return points(b.metrics(t)["tenancy.tenants"])["tenancy.status=active,tenancy.store=archive"]
	}
	for deadline := time.Now().Add(5 * time.Minute); active() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("tenants were not counted")
		}
	}
	got := b.metrics(t)
	for name, want := range map[string]map[string]float64{
		"tenancy.operations":          {"tenancy.operation=get_by_identifier,tenancy.outcome=ok": 3, "tenancy.operation=create,tenancy.outcome=ok": 1},
		"tenancy.cache.lookups":       {"tenancy.result=hit,tenancy.tier=l1": 2, "tenancy.result=miss,tenancy.tier=l2": 1},
		"tenancy.operation.duration":  {"tenancy.operation=create": 1},
		"tenancy.cache.load.duration": {"": 1},
		"tenancy.log.revision":        {"": 2},
		"tenancy.tenants":             {"tenancy.status=active": 1, "tenancy.status=suspended": 0},
	} {
		p := points(got[name])
		for attributes, v := range want {
			key := ""
			for k := range p {
				rest := strings.Trim(strings.Replace(strings.Replace(k, "tenancy.store=archive", "", 1), ",,", ",", 1), ",")
				if rest == attributes {
					key = k
				}
			}
			if value, ok := p[key]; !ok || value != v {
				t.Errorf("%s{%s} = %v in %v, want %v", name, attributes, value, p, v)
			}
		}
	}
	for _, m := range observe.Metrics() {
		http := strings.HasPrefix(m.Name, "tenancy.http.")
		bus := strings.Contains(m.Name, ".bus.") || strings.Contains(m.Name, ".breaker.") || m.Name == "tenancy.cache.entries" ||
			m.Name == "tenancy.cache.fill" || m.Name == "tenancy.cache.evictions" || strings.HasPrefix(m.Name, "tenancy.replica.") || strings.HasPrefix(m.Name, "tenancy.pool.") // this stack has none
		lag := m.Name == "tenancy.log.lag" // a change during the start is not measured
		if exported, ok := got[m.Name]; ok == (http || bus) && !lag {
			t.Errorf("%s is exported: %t", m.Name, ok)
		} else if ok && (exported.Unit != m.Unit || exported.Description != m.Help) {
			t.Errorf("%s: unit %q, description %q", m.Name, exported.Unit, exported.Description)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if p := points(b.metrics(t)["tenancy.operations"]); len(p) != 0 {
		t.Errorf("after Close: %v", p)
	}
}

// Nothing that came from outside is in an attribute, a name or a status.
func TestNoCanary(t *testing.T) {
	const canary = "canary"
	b := newBench(t, twoTiers(t))
	ctx, span := b.tracer.Start(t.Context(), "caller")
	made, err := b.Create(ctx, tenancy.Tenant{ID: canary, Identifier: canary, Name: canary, DatabaseURL: tenancy.NewSecret(canary), SchemaName: canary})
	if err != nil {
		t.Fatal(err)
	}
	for range 300 {
		_, _ = b.GetByID(ctx, canary)
		_, _ = b.GetByIdentifier(ctx, canary)
		_, _ = b.GetByIdentifier(ctx, strings.ToUpper(canary))
		_, _ = b.Exists(ctx, canary+"-absent")
	}
	_, _ = b.GetByIDs(ctx, []string{canary, canary + "2"})
	_, _ = b.Search(ctx, canary, tenancy.SearchOptions{})
	_, _ = b.List(ctx, tenancy.ListOptions{Cursor: canary})
	_, _ = b.Update(ctx, made)
	_, _ = b.SetStatus(ctx, canary, canary)
	b.server.Fail(errors.New(canary))
	b.source.FailLog(errors.New(canary))
	_, _ = b.GetByID(ctx, canary+"3")
	_ = b.Delete(ctx, canary)
	b.server.Fail(nil)
	b.source.FailLog(nil)
	span.End()
	n := 0
	for _, s := range b.spans.Ended() {
		text := fmt.Sprint(s.Name(), s.Status(), s.Attributes(), s.Events())
		if strings.Contains(strings.ToLower(text), canary) {
			t.Error(text)
		}
		n++
	}
	for name, m := range b.metrics(t) {
		for attributes := range points(m) {
			if strings.Contains(strings.ToLower(attributes), canary) {
				t.Error(name, attributes)
			}
			n++
		}
	}
	if n < 100 {
		t.Errorf("looked at %d spans and points only", n)
	}
}

func TestHitsDoNotAllocate(t *testing.T) {
	never := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	defer func() { _ = errors.Join(never.Shutdown(context.Background()), meters.Shutdown(context.Background())) }()
	for name, opts := range map[string][]oteltenancy.Option{
		"no-op":        {oteltenancy.WithTracerProvider(tracenoop.NewTracerProvider()), oteltenancy.WithMeterProvider(metricnoop.NewMeterProvider())},
		"global":       nil,
		"sampling off": {oteltenancy.WithTracerProvider(never), oteltenancy.WithMeterProvider(meters), oteltenancy.WithTenantID()},
	} {
		s := closing(t, wrap(t, local(t, memstore.New()), opts...))
		acme, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, span := never.Tracer("test").Start(t.Context(), "caller")
		lookup := func() {
			_, _ = s.GetByIdentifier(ctx, "acme")
			_, _ = s.GetByID(ctx, acme.ID)
			_, _ = s.Exists(ctx, acme.ID)
		}
		lookup()
		if n := usualAllocs(lookup); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
		span.End()
	}
}

// usualAllocs is the median of what 101 calls of f allocate: one in 64 is measured,
// by a longer way.
func usualAllocs(f func()) float64 {
	var runs [101]float64
	for i := range runs {
		runs[i] = testing.AllocsPerRun(1, f)
	}
	slices.Sort(runs[:])
	return runs[len(runs)/2]
}

// Every option with a value at the edge of its type: what is not allowed is said at
// once, and nothing panics or loops.
func TestOptionsOutOfRange(t *testing.T) {
	for name, row := range map[string]struct {
		option oteltenancy.Option
		says   string // "" if it is allowed
	}{
		"no counts":       {oteltenancy.WithTenantCounts(0), ""},
		"least counts":    {oteltenancy.WithTenantCounts(1), ""},
		"most counts":     {oteltenancy.WithTenantCounts(oteltenancy.MaxTenantCounts), ""},
		"too much":        {oteltenancy.WithTenantCounts(oteltenancy.MaxTenantCounts + 1), "WithTenantCounts"},
		"largest counts":  {oteltenancy.WithTenantCounts(math.MaxInt64), "WithTenantCounts"},
		"negative counts": {oteltenancy.WithTenantCounts(-1), "WithTenantCounts"},
		"smallest counts": {oteltenancy.WithTenantCounts(math.MinInt64), "WithTenantCounts"},
		"no name":         {oteltenancy.WithName(""), ""},
		"name not UTF-8":  {oteltenancy.WithName("\xff"), "WithName"},
		"long name":       {oteltenancy.WithName(strings.Repeat("x", 1<<20)), "WithName"},
		"nil":             {nil, "option 1 is nil"},
		"no providers":    {oteltenancy.WithMeterProvider(nil), ""},
	} {
		for what, make := range map[string]func() error{
			"Wrap": func() error {
				store, err := oteltenancy.Wrap(memstore.New(), row.option)
				if err == nil {
					err = store.Close()
				}
				return err
			},
			"NewHTTPObserver": func() error {
				_, err := oteltenancy.NewHTTPObserver(row.option)
				return err
			},
		} {
			err := make()
			switch {
			case row.says == "" && err != nil:
				t.Errorf("%s, %s: %v", name, what, err)
			case row.says != "" && (!errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), row.says) || len(err.Error()) > 400):
				t.Errorf("%s, %s: got %.500v, want ErrInvalid that says %s", name, what, err, row.says)
			}
		}
	}
}
