package tiertest_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/conformance/internal/recorder"
	"github.com/go-tenancy/tenantstore/conformance/tiertest"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// slowList is a source whose pages come late, so that much changes during a scan.
type slowList struct {
	*faults.Source
	slow *atomic.Bool
}

func (s slowList) List(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
	page, err := s.Source.List(ctx, opts)
	if s.slow.Load() {
		time.Sleep(2 * time.Millisecond)
	}
	return page, err
}

// paged is a source whose pages are small, so that a scan takes several.
type paged struct {
	tenancy.Decorator
}

func (p paged) List(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
	opts.Limit = 2
	return p.Decorator.List(ctx, opts)
}

// openReplicas returns an Open for nodes that are made by node over their sources, with
// what can go wrong.
func openReplicas(node func(tb testing.TB, source tenancy.Source, bus tier.Bus) tenancy.Store) func(testing.TB) tiertest.Stack {
	return func(tb testing.TB) tiertest.Stack {
		db, hub := memstore.New(memstore.WithKeepFormer(time.Hour)), faults.NewHub()
		var sources []*faults.Source
		var slow atomic.Bool
		open := func(i int) tenancy.Store {
			return node(tb, paged{tenancy.Decorator{Next: slowList{sources[i], &slow}}}, hub.Open())
		}
		out := tiertest.Stack{
			Source:  db,
			Backup:  func() func() { b := db.Backup(); return func() { db.Restore(b) } },
			Compact: db.Compact,
			Restart: open,
		}
		for i := range 3 {
			sources = append(sources, faults.NewSource(db, uint64(i)))
			out.Nodes = append(out.Nodes, open(i))
		}
		each := func(begin, end func(*faults.Source)) func(*rand.Rand) func() {
			return func(random *rand.Rand) func() {
				some := sources[:1+random.IntN(len(sources))]
				for _, s := range some {
					begin(s)
				}
				return func() {
					for _, s := range some {
						end(s)
					}
				}
			}
		}
		out.Faults = []tiertest.Fault{
			{Name: "an unreadable log", MayFail: true, Begin: each(func(s *faults.Source) { s.FailLog(errDown) }, func(s *faults.Source) { s.FailLog(nil) })},
			{Name: "late answers", Begin: each(func(s *faults.Source) { s.Delay(2 * time.Millisecond) }, func(s *faults.Source) { s.Delay(0) })},
			{Name: "lost notifications", Begin: each(func(s *faults.Source) { s.Deafen(true) }, func(s *faults.Source) { s.Deafen(false) })},
			{Name: "a slow scan", Begin: func(*rand.Rand) func() {
				slow.Store(true)
				return func() { slow.Store(false) }
			}},
		}
		return out
	}
}

func newReplica(tb testing.TB, source tenancy.Store, opts ...replica.Option) *replica.Store {
	tb.Helper()
	s, ok := tenancy.SourceOf(source)
	if !ok {
		tb.Fatal("it is no source")
	}
	r, err := replica.New(s, append(opts, replica.WithLogger(slog.New(slog.DiscardHandler)))...)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// Every answer of a replica is judged by the change log, wherever it stands.
func TestReplicas(t *testing.T) {
	tiered := func(tb testing.TB, next tenancy.Store, cache tier.Cache, opts ...tier.Option) tenancy.Store {
		s, err := tier.New(next, cache, append(opts, tier.WithLogger(slog.New(slog.DiscardHandler)))...)
		if err != nil {
			tb.Fatal(err)
		}
		return s
	}
	server := faults.NewServer()
	for name, node := range map[string]func(testing.TB, tenancy.Source, tier.Bus) tenancy.Store{
		"alone": func(tb testing.TB, source tenancy.Source, bus tier.Bus) tenancy.Store {
			return newReplica(tb, source, replica.WithBus(bus))
		},
		"over another": func(tb testing.TB, source tenancy.Source, bus tier.Bus) tenancy.Store {
			return newReplica(tb, newReplica(tb, source, replica.WithBus(bus)))
		},
		"over a shared cache": func(tb testing.TB, source tenancy.Source, bus tier.Bus) tenancy.Store {
			return newReplica(tb, tiered(tb, source, tier.Shared(server.Open()), tier.WithBus(bus), tier.WithLeaseWait(20*time.Millisecond)))
		},
		"under a local cache": func(tb testing.TB, source tenancy.Source, bus tier.Bus) tenancy.Store {
			return tiered(tb, newReplica(tb, source, replica.WithBus(bus)), tier.Local(faults.NewLocal()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tiertest.RunStack(t, tiertest.StackHarness{Open: openReplicas(node), Rounds: *rounds, Seed: *seed})
		})
	}
}

// silent is a source whose log does not say what its changes have touched.
type silent struct {
	tenancy.Source
	change func(*tenancy.Change)
}

func (s silent) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	changes, err := s.Source.Changes(ctx, after, limit)
	for i := range changes {
		s.change(&changes[i])
	}
	return changes, err
}

// early is a replica that does not follow the log after a write.
type early struct {
	tenancy.Store
	source tenancy.Source
}

func (e early) SetStatus(ctx context.Context, id string, s tenancy.Status) (tenancy.Tenant, error) {
	return e.source.SetStatus(ctx, id, s)
}

func (e early) Update(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return e.source.Update(ctx, t)
}

// The judge of replicas can fail.
func TestReplicaMutantsAreRejected(t *testing.T) {
	for how, node := range map[string]func(testing.TB, tenancy.Source, tier.Bus) tenancy.Store{
		"loads nothing of what has changed": func(tb testing.TB, source tenancy.Source, _ tier.Bus) tenancy.Store {
			return newReplica(tb, silent{source, func(c *tenancy.Change) { c.Keys = nil }})
		},
		"loads no names of what has changed": func(tb testing.TB, source tenancy.Source, _ tier.Bus) tenancy.Store {
			return newReplica(tb, silent{source, fieldsOnly})
		},
		"does not follow its own writes": func(tb testing.TB, source tenancy.Source, _ tier.Bus) tenancy.Store {
			return early{newReplica(tb, source), source}
		},
	} {
		t.Run(strings.ReplaceAll(how, " ", "-"), func(t *testing.T) {
			t.Parallel()
			h := tiertest.StackHarness{Open: openReplicas(node), Rounds: 400, Patience: time.Second}
			for range stackRuns {
				h.Patience = min(2*h.Patience, time.Minute) // a busy machine may fail earlier, for another reason
				got := recorder.Record(t, func(tb testing.TB) { tiertest.CheckStack(tb, h) })
				if strings.Contains(got.Text(), stale) || strings.Contains(got.Text(), apart) {
					return
				}
			}
			t.Errorf("RunStack does not reject a replica that %s", how)
		})
	}
}
