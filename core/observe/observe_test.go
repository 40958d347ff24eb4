package observe_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func wrap(tb testing.TB, next tenancy.Store, cfg observe.Config) *observe.Store {
	tb.Helper()
	s, err := observe.Wrap(next, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestWrapNil(t *testing.T) {
	if s, err := observe.Wrap(nil, observe.Config{}); s != nil || !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("%v, %v, want ErrInvalid", s, err)
	}
}

func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, op := range observe.Operations() {
		seen[op.String()] = true
	}
	for _, outcome := range observe.Outcomes() {
		seen[outcome.String()] = true
	}
	if n := len(observe.Operations()) + len(observe.Outcomes()); len(seen) != n || seen[""] {
		t.Errorf("%d names for %d things", len(seen), n)
	}
	for _, op := range observe.Operations() {
		if want := op == observe.GetByID || op == observe.GetByIdentifier || op == observe.GetByDomain || op == observe.FormerOwner || op == observe.Exists; op.Sampled() != want {
			t.Errorf("%s: sampled is %t", op, op.Sampled())
		}
	}
	if got := observe.Operation(99).String() + observe.Outcome(99).String(); got != "operation_99outcome_99" {
		t.Error(got)
	}
}

func TestOutcomeOf(t *testing.T) {
	for _, c := range []struct {
		err     error
		want    observe.Outcome
		failure bool
	}{
		{nil, observe.OK, false},
		{tenancy.ErrNotFound, observe.NotFound, false},
		{&tenancy.Error{Err: fmt.Errorf("%w: of somebody", tenancy.ErrAlreadyExists)}, observe.Conflict, false},
		{tenancy.ErrConflict, observe.Conflict, false},
		{tenancy.ErrCompacted, observe.Conflict, false},
		{tenancy.ErrInvalid, observe.Invalid, false},
		{context.Canceled, observe.Canceled, false},
		{context.DeadlineExceeded, observe.Timeout, true},
		{fmt.Errorf("%w: %w", tenancy.ErrUnavailable, context.DeadlineExceeded), observe.Timeout, true},
		{tenancy.ErrUnavailable, observe.Unavailable, true},
		{tenancy.ErrClosed, observe.Unavailable, true},
		{errors.ErrUnsupported, observe.Failed, true},
		{fs.ErrInvalid, observe.Failed, true},
	} {
		if got := observe.OutcomeOf(c.err); got != c.want || got.IsFailure() != c.failure {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
}

// hooks note what they are told of.
type hooks struct {
	mu     sync.Mutex
	events []string
	traced bool
}

type mark struct{}

func (h *hooks) note(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, fmt.Sprintf(format, args...))
}

func (h *hooks) config() observe.Config {
	return observe.Config{
		Trace: observe.Trace{
			Traced: func(context.Context) bool { return h.traced },
			Begin: func(ctx context.Context, op observe.Operation) context.Context {
				h.note("begin %v", op)
				return context.WithValue(ctx, mark{}, op)
			},
			End: func(ctx context.Context, op observe.Operation, err error) {
				h.note("end %v %v, begun %t", op, observe.OutcomeOf(err), ctx.Value(mark{}) == op)
			},
		},
		Histogram: func(_ observe.Metric, values ...string) observe.Record {
			return func(_ context.Context, took time.Duration, _ error) {
				if took >= 0 && took < time.Minute {
					h.note("measured %s", values[0])
				}
			}
		},
	}
}

// A span that was begun is ended, and a call that was made is counted, however it ends.
func TestCallThatPanics(t *testing.T) {
	h := &hooks{}
	s := wrap(t, memstore.New(memstore.WithMetadataCheck(func(tenancy.Metadata) error { panic("a mistake") })), h.config())
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was kept")
			}
		}()
		_, _ = s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	}()
	if want := []string{"begin create", "measured create", "end create error, begun true"}; !slices.Equal(h.events, want) {
		t.Errorf("%q, want %q", h.events, want)
	}
	if n := s.Calls(observe.Create, observe.Failed); n != 1 {
		t.Errorf("%d calls have failed", n)
	}
}

func TestHooks(t *testing.T) {
	h := &hooks{}
	s := wrap(t, memstore.New(), h.config())
	if _, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"begin create", "measured create", "end create ok, begun true"}; !slices.Equal(h.events, want) {
		t.Errorf("%q, want %q", h.events, want)
	}
	const n = 6_400
	for _, traced := range []bool{false, true} {
		h.traced, h.events = traced, nil
		for i := range n {
			if i%2 == 0 { // of calls that fail, as many are measured
				_, _ = s.GetByIdentifier(t.Context(), "absent")
			} else {
				_, _ = s.GetByIdentifier(t.Context(), "acme")
			}
		}
		counts := map[string]float64{}
		for _, e := range h.events {
			counts[e]++
		}
		ends := counts["end get_by_identifier ok, begun true"] + counts["end get_by_identifier not_found, begun true"]
		if traced && (ends != n || counts["begin get_by_identifier"] != n) || !traced && ends+counts["begin get_by_identifier"] != 0 {
			t.Errorf("traced %t: %v", traced, counts)
		}
		if got := counts["measured get_by_identifier"]; math.Abs(got-n/observe.SampleEvery) > 20 {
			t.Errorf("%v of %d calls were measured, want one in %d", got, n, observe.SampleEvery)
		}
	}
	if ok, absent := s.Calls(observe.GetByIdentifier, observe.OK), s.Calls(observe.GetByIdentifier, observe.NotFound); ok != n || absent != n {
		t.Errorf("%d calls succeeded and %d found nothing, want %d each", ok, absent, n)
	}
}

// A rhythm of the callers must not meet that of the sample: of 64 tenants in turn,
// each is measured as often as any other.
// Failed lookups are sampled as others are, and nothing is found where nothing is traced.
func TestFailedLookupsAreSampled(t *testing.T) {
	measured, found := 0, 0
	s := wrap(t, memstore.New(), observe.Config{
		Histogram: func(observe.Metric, ...string) observe.Record {
			return func(context.Context, time.Duration, error) { measured++ }
		},
		Trace: observe.Trace{Found: func(context.Context, string) { found++ }},
	})
	made, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	measured = 0
	const calls = 100 * observe.SampleEvery
	for range calls {
		if _, err := s.GetByID(t.Context(), "missing"); !errors.Is(err, tenancy.ErrNotFound) {
			t.Fatal(err)
		}
	}
	if measured < 50 || measured > 200 {
		t.Errorf("%d of %d failed lookups were measured, want about 100", measured, calls)
	}
	for range calls {
		if _, err := s.GetByID(t.Context(), made.ID); err != nil {
			t.Fatal(err)
		}
	}
	if found != 0 {
		t.Errorf("%d tenants were found by calls that nobody traces", found)
	}
}

func TestTheSampleHasNoRhythm(t *testing.T) {
	byTenant := map[string]int{}
	s := wrap(t, memstore.New(), observe.Config{
		Histogram: func(observe.Metric, ...string) observe.Record {
			return func(ctx context.Context, _ time.Duration, _ error) { byTenant[ctx.Value(mark{}).(string)]++ }
		},
	})
	var contexts []context.Context
	for i := range observe.SampleEvery {
		contexts = append(contexts, context.WithValue(t.Context(), mark{}, fmt.Sprint(i)))
	}
	const rounds = 6_400
	for range rounds {
		for _, ctx := range contexts {
			_, _ = s.Exists(ctx, "t1")
		}
	}
	for i := range observe.SampleEvery {
		if n := byTenant[fmt.Sprint(i)]; n < rounds/observe.SampleEvery/2 || n > rounds/observe.SampleEvery*2 {
			t.Errorf("tenant %d was measured %d times, want about %d", i, n, rounds/observe.SampleEvery)
		}
	}
}

// together lets no call end before all have begun.
type together struct {
	tenancy.Store
	begun *sync.WaitGroup
}

func (s together) Exists(ctx context.Context, id string) (bool, error) {
	s.begun.Done()
	s.begun.Wait()
	return s.Store.Exists(ctx, id)
}

// The first calls of a process, which are the slow ones, are measured no more often than
// those that come later, however many goroutines make them, and though none has ended
// when the last begins.
func TestFirstCallsAreNotPreferred(t *testing.T) {
	const n = 64 * observe.SampleEvery
	var begun, callers sync.WaitGroup
	begun.Add(n)
	var measured atomic.Int64
	s := wrap(t, together{memstore.New(), &begun}, observe.Config{
		Histogram: func(observe.Metric, ...string) observe.Record {
			return func(context.Context, time.Duration, error) { measured.Add(1) }
		},
	})
	for range n {
		callers.Go(func() { _, _ = s.Exists(t.Context(), "t1") }) // on a stack of its own
	}
	callers.Wait()
	if got := measured.Load(); got > 1 {
		t.Errorf("%d of the first %d calls were measured, which began together, want 1", got, n)
	}
}

func TestCallsNeverGoBack(t *testing.T) {
	s := wrap(t, memstore.New(), observe.Config{})
	var callers sync.WaitGroup
	const n, each = 8, 5_000
	for i := range n {
		callers.Go(func() {
			for range each {
				if i%2 == 0 {
					_, _ = s.Exists(t.Context(), "t1")
				} else {
					_, _ = s.GetByID(t.Context(), "")
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { callers.Wait(); close(done) }()
	var last int64
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		now := s.Calls(observe.Exists, observe.OK)
		if now < last {
			t.Fatalf("%d after %d", now, last)
		}
		last = now
	}
	if ok, invalid := s.Calls(observe.Exists, observe.OK), s.Calls(observe.GetByID, observe.Invalid); ok != n/2*each || invalid != n/2*each {
		t.Errorf("%d and %d calls, want %d", ok, invalid, n/2*each)
	}
}

// plain hides what a store can do besides.
type plain struct{ tenancy.Store }

func TestCapabilitiesAreThoseOfTheStoreBelow(t *testing.T) {
	if _, ok := tenancy.SourceOf(wrap(t, memstore.New(), observe.Config{})); !ok {
		t.Error("a source is none any more")
	}
	s := wrap(t, wrap(t, plain{memstore.New()}, observe.Config{}), observe.Config{})
	if _, ok := tenancy.SourceOf(s); ok {
		t.Error("a source where there is none")
	}
	ctx := t.Context()
	errs := map[string]error{}
	_, errs["Bounds"] = s.Bounds(ctx)
	_, errs["Load"] = s.Load(ctx, nil)
	_, errs["Changes"] = s.Changes(ctx, tenancy.Position{}, 0)
	errs["Wait"] = s.Wait(ctx, tenancy.Position{})
	for op, err := range errs {
		var e *tenancy.Error
		if !errors.Is(err, errors.ErrUnsupported) || !errors.As(err, &e) || e.Op != op {
			t.Errorf("%s: %v, want ErrUnsupported", op, err)
		}
	}
}
