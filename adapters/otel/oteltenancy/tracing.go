package oteltenancy

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// The attributes of spans.
const (
	operationKey = attribute.Key(prefix + "operation")
	tierKey      = attribute.Key(prefix + "tier")
	servedByKey  = attribute.Key(prefix + "served_by")
	resultKey    = attribute.Key(prefix + "result")
	outcomeKey   = attribute.Key(prefix + "outcome")
	tenantIDKey  = attribute.Key(prefix + "tenant.id")
)

// source is the value of served_by for the store below the last tier.
const source = "source"

// tracing makes the spans of one store.
type tracing struct {
	tracer   trace.Tracer
	tiers    bool // there are some below: a lookup is work if one says so
	tenantID bool

	// Made ahead: they cost more than a span that is not sampled.
	start map[observe.Operation][]trace.SpanStartOption
	hits  map[observe.Operation][2][]attribute.KeyValue // hit, negative
}

// lookup is what is known of one lookup that the context belongs to.
type lookup struct {
	op       observe.Operation
	worked   atomic.Bool            // a tier could not answer from memory
	servedBy atomic.Pointer[string] // so far
}

// lookupKey is the key of a lookup in a context. Each decorator of a stack has its own.
type lookupKey struct{ *tracing }

func (t *tracing) lookupOf(ctx context.Context) *lookup {
	l, _ := ctx.Value(lookupKey{t}).(*lookup)
	return l
}

func (t *tracing) prepare() {
	t.start = map[observe.Operation][]trace.SpanStartOption{}
	t.hits = map[observe.Operation][2][]attribute.KeyValue{}
	for _, op := range observe.Operations() {
		operation := operationKey.String(op.String())
		t.start[op] = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindInternal), trace.WithAttributes(operation)}
		t.hits[op] = [2][]attribute.KeyValue{
			{operation, servedByKey.String("l1"), resultKey.String("hit")},
			{operation, servedByKey.String("l1"), resultKey.String("negative")},
		}
	}
}

// operations traces the operations of the store.
func (t *tracing) operations() observe.Trace {
	o := observe.Trace{Traced: t.traced, Begin: t.begin, End: t.end}
	if t.tenantID {
		o.Found = func(ctx context.Context, id string) { trace.SpanFromContext(ctx).SetAttributes(tenantIDKey.String(id)) }
	}
	return o
}

// traced reports whether a lookup is looked at: if it is work in any case, or if it
// may be a hit that is worth a note.
func (t *tracing) traced(ctx context.Context) bool {
	return !t.tiers || trace.SpanFromContext(ctx).IsRecording()
}

func (t *tracing) begin(ctx context.Context, op observe.Operation) context.Context {
	if op.Sampled() && t.tiers {
		return context.WithValue(ctx, lookupKey{t}, &lookup{op: op})
	}
	ctx, _ = t.tracer.Start(ctx, "tenancy."+op.String(), t.start[op]...)
	return ctx
}

func (t *tracing) end(ctx context.Context, op observe.Operation, err error) {
	span := trace.SpanFromContext(ctx)
	if !op.Sampled() || !t.tiers {
		finish(span, err)
		return
	}
	if t.lookupOf(ctx).worked.Load() {
		return // the tier has made a span of it
	}
	switch observe.OutcomeOf(err) { // of the caller's span
	case observe.OK:
		span.SetAttributes(t.hits[op][0]...)
	case observe.NotFound:
		span.SetAttributes(t.hits[op][1]...)
	}
}

// finish ends a span. No text of an error goes into it: it may hold what a tenant
// calls itself.
func finish(span trace.Span, err error) {
	if span.IsRecording() {
		outcome := observe.OutcomeOf(err)
		span.SetAttributes(outcomeKey.String(outcome.String()))
		if failure := errorTypeOf(outcome); failure != "" {
			span.SetAttributes(errorType.String(failure))
			span.SetStatus(codes.Error, outcome.String())
		}
	}
	span.End()
}

// tier traces the work of one tier.
func (t *tracing) tier(name string, last bool) observe.TierTrace {
	attributes := trace.WithAttributes(tierKey.String(name))
	kind := trace.WithSpanKind(trace.SpanKindInternal)
	return &tierTracing{tracing: t, name: name, last: last, start: []trace.SpanStartOption{kind, attributes}}
}

type tierTracing struct {
	*tracing
	name  string
	last  bool
	start []trace.SpanStartOption
}

// Begin implements [observe.TierTrace].
func (t *tierTracing) Begin(ctx context.Context, w tier.Work, kind tenancy.KeyKind) context.Context {
	switch w {
	case tier.WorkMiss:
		return t.beginLookup(ctx, kind)
	case tier.WorkRefresh:
		link := trace.WithLinks(trace.LinkFromContext(ctx))
		ctx, _ = t.tracer.Start(ctx, "tenancy.cache.refresh", append(t.start[:len(t.start):len(t.start)], trace.WithNewRoot(), link)...)
	case tier.WorkGet:
		t.servedBy(ctx, &t.name)
		ctx, _ = t.tracer.Start(ctx, "tenancy.cache.get", t.start...)
	case tier.WorkLoad:
		if !t.last {
			return ctx // the tier below tells what it does
		}
		below := source
		t.servedBy(ctx, &below)
		ctx, _ = t.tracer.Start(ctx, "tenancy.source.load", t.start...)
	case tier.WorkApply:
		ctx, _ = t.tracer.Start(ctx, "tenancy.cache.apply", t.start...)
	}
	return ctx
}

// beginLookup begins the span of a lookup which turned out to be work.
func (t *tierTracing) beginLookup(ctx context.Context, kind tenancy.KeyKind) context.Context {
	l := t.lookupOf(ctx)
	if l == nil || l.worked.Swap(true) { // the caller's span is not recording, or it is a lookup within this one
		op := observe.GetByID
		if kind == tenancy.KindIdentifier {
			op = observe.GetByIdentifier
		}
		l = &lookup{op: op}
		ctx = context.WithValue(ctx, lookupKey{t.tracing}, l)
	}
	ctx, _ = t.tracer.Start(ctx, "tenancy."+l.op.String(), t.tracing.start[l.op]...)
	return ctx
}

func (t *tierTracing) servedBy(ctx context.Context, name *string) {
	if l := t.lookupOf(ctx); l != nil {
		l.servedBy.Store(name)
	}
}

// End implements [observe.TierTrace].
func (t *tierTracing) End(ctx context.Context, w tier.Work, err error) {
	if w == tier.WorkLoad && !t.last {
		return
	}
	span := trace.SpanFromContext(ctx)
	if w == tier.WorkMiss {
		span.SetAttributes(tierKey.String(t.name))
		if by := t.lookupOf(ctx).servedBy.Load(); by != nil {
			span.SetAttributes(servedByKey.String(*by)) // else another lookup's load
		}
	}
	finish(span, err)
}
