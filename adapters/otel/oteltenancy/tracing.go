package oteltenancy

import (
	"context"
	"slices"
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
	caches   bool // there are some below: a lookup is work if these say so
	tenantID bool

	// Made ahead: they cost more than a span that is not sampled.
	start map[observe.Operation][]trace.SpanStartOption
	hits  map[observe.Operation][2][]attribute.KeyValue // hit, negative
}

// lookup is what is known of one lookup that the context belongs to.
type lookup struct {
	op       observe.Operation
	worked   atomic.Bool            // no cache could answer from memory
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
	return !t.caches || trace.SpanFromContext(ctx).IsRecording()
}

func (t *tracing) begin(ctx context.Context, op observe.Operation) context.Context {
	if op.Sampled() && t.caches {
		return context.WithValue(ctx, lookupKey{t}, &lookup{op: op})
	}
	ctx, _ = t.tracer.Start(ctx, "tenancy."+op.String(), t.start[op]...)
	return ctx
}

func (t *tracing) end(ctx context.Context, op observe.Operation, err error) {
	span := trace.SpanFromContext(ctx)
	if !op.Sampled() || !t.caches {
		finish(span, err)
		return
	}
	if t.lookupOf(ctx).worked.Load() {
		return // the stack has made a span of it
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

// stack traces the work of the caches below.
func (t *tracing) stack(local, shared string) observe.StackTrace {
	start := func(cache string) []trace.SpanStartOption {
		options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindInternal)}
		if cache != "" {
			options = append(options, trace.WithAttributes(tierKey.String(cache)))
		}
		return options
	}
	return &stackTracing{tracing: t, shared: shared, onLocal: start(local), onShared: start(shared), below: start("")}
}

type stackTracing struct {
	*tracing
	shared                   string // its name
	onLocal, onShared, below []trace.SpanStartOption
}

// Begin implements [observe.StackTrace].
func (t *stackTracing) Begin(ctx context.Context, w tier.Work, kind tenancy.KeyKind) context.Context {
	switch w {
	case tier.WorkMiss:
		return t.beginLookup(ctx, kind)
	case tier.WorkRefresh:
		link := trace.WithLinks(trace.LinkFromContext(ctx))
		ctx, _ = t.tracer.Start(ctx, "tenancy.cache.refresh", append(slices.Clone(t.onLocal), trace.WithNewRoot(), link)...)
	case tier.WorkGet:
		t.servedBy(ctx, &t.shared)
		ctx, _ = t.tracer.Start(ctx, "tenancy.cache.get", t.onShared...)
	case tier.WorkLoad:
		below := source
		t.servedBy(ctx, &below)
		ctx, _ = t.tracer.Start(ctx, "tenancy.source.load", t.below...)
	case tier.WorkApply:
		ctx, _ = t.tracer.Start(ctx, "tenancy.cache.apply", t.onShared...)
	}
	return ctx
}

// beginLookup begins the span of a lookup which turned out to be work.
func (t *stackTracing) beginLookup(ctx context.Context, kind tenancy.KeyKind) context.Context {
	l := t.lookupOf(ctx)
	if l == nil || l.worked.Swap(true) { // the caller's span is not recording, or it is a lookup within this one
		op := observe.GetByID
		switch kind {
		case tenancy.KindIdentifier:
			op = observe.GetByIdentifier
		case tenancy.KindDomain:
			op = observe.GetByDomain
		case tenancy.KindFormer:
			op = observe.FormerOwner
		}
		l = &lookup{op: op}
		ctx = context.WithValue(ctx, lookupKey{t.tracing}, l)
	}
	ctx, _ = t.tracer.Start(ctx, "tenancy."+l.op.String(), t.tracing.start[l.op]...)
	return ctx
}

func (t *stackTracing) servedBy(ctx context.Context, name *string) {
	if l := t.lookupOf(ctx); l != nil {
		l.servedBy.Store(name)
	}
}

// End implements [observe.StackTrace].
func (t *stackTracing) End(ctx context.Context, w tier.Work, err error) {
	span := trace.SpanFromContext(ctx)
	if w == tier.WorkMiss {
		if by := t.lookupOf(ctx).servedBy.Load(); by != nil {
			span.SetAttributes(servedByKey.String(*by)) // else another lookup's load
		}
	}
	finish(span, err)
}
