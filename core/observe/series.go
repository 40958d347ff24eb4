package observe

import (
	"context"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// Series is one number of a metric that is no Histogram, to be read when somebody
// wants to know it. All series of a store exist from the start, and none comes
// later.
type Series struct {
	Metric
	Values []string       // of Metric.Labels
	Read   func() float64 // NaN while nobody knows; safe for concurrent use
}

// Record notes the duration of work that ended with err.
type Record func(ctx context.Context, took time.Duration, err error)

// Config says what becomes of what is seen.
type Config struct {
	// Version is that of what exports the metrics.
	Version string
	// Histogram returns where durations of m go, for these values of its labels;
	// nil if nobody wants them. It is called by Wrap only.
	Histogram func(m Metric, values ...string) Record
	// TenantCounts is how often tenants are counted in the background, by five
	// calls of Count; 0 for never.
	TenantCounts time.Duration
	// Trace is told of operations, for spans. It may be empty.
	Trace Trace
	// StackTrace returns who is told of the work of the stack of caches below, for
	// spans: l1 is the outermost cache, "" stands for none. It may be nil.
	StackTrace func(local, shared string) StackTrace
}

// Trace is told of operations. Each function may be nil, must be safe for concurrent
// use, and must not block.
type Trace struct {
	// Traced reports whether a call of a sampled operation with this context is to
	// be given to Begin and End. It runs before every such call. Calls of the
	// other operations are given in any case.
	Traced func(ctx context.Context) bool
	// Begin runs before a call, which gets the context that it returns.
	Begin func(ctx context.Context, op Operation) context.Context
	// End runs after a call with the context that Begin returned.
	End func(ctx context.Context, op Operation, err error)
	// Found runs after a traced lookup that found a tenant, with the
	// context of its caller and the ID of the tenant. Tenants' IDs must not become
	// labels of metrics.
	Found func(ctx context.Context, id string)
}

// StackTrace is the part of a [tier.Observer] that is for spans.
type StackTrace interface {
	Begin(ctx context.Context, w tier.Work, kind tenancy.KeyKind) context.Context
	End(ctx context.Context, w tier.Work, err error)
}

// Series returns all series of s, in no particular order.
func (s *Store) Series() []Series { return s.series }

// Refresh takes the counts of the caches, which Read returns from then on. It does no
// I/O. Call it once before the series are read.
func (s *Store) Refresh() {
	if s.stack != nil {
		s.stack.refresh()
	}
}

func (s *Store) add(m Metric, read func() float64, values ...string) {
	s.series = append(s.series, Series{m, values, read})
}

func count(n int64) float64 { return float64(n) }

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// timestamp returns t in seconds since 1970, and 0 for never.
func timestamp(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMicro()) / 1e6
}
