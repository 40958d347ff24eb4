package bustest_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/conformance/bustest"
	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/conformance/internal/mutation"
	"github.com/go-tenancy/tenantstore/conformance/internal/recorder"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

func TestBus(t *testing.T) { bustest.Run(t, harness(nil)) }

// faulty is a bus whose methods a mutant can replace, one by one.
type faulty struct {
	hub  *faults.Hub
	next *faults.Bus

	publish    func(ctx context.Context, p tenancy.Position) error
	subscribe  func(ctx context.Context, wake func(tenancy.Position))
	close      func() error
	disconnect func()
}

func newFaulty(hub *faults.Hub, spoil func(*faulty)) *faulty {
	f := &faulty{hub: hub, next: hub.Open()}
	f.publish, f.subscribe, f.close = f.next.Publish, f.next.Subscribe, f.next.Close
	f.disconnect = func() { hub.Disconnect(f.next) }
	if spoil != nil {
		spoil(f)
	}
	return f
}

func (f *faulty) Publish(ctx context.Context, p tenancy.Position) error { return f.publish(ctx, p) }
func (f *faulty) Subscribe(ctx context.Context, wake func(tenancy.Position)) {
	f.subscribe(ctx, wake)
}
func (f *faulty) Close() error { return f.close() }

// filter changes what subscribers are woken with; it may lose messages.
func (f *faulty) filter(pass func(wake func(tenancy.Position), p tenancy.Position)) {
	f.subscribe = func(ctx context.Context, wake func(tenancy.Position)) {
		f.next.Subscribe(ctx, func(p tenancy.Position) { pass(wake, p) })
	}
}

func harness(spoil func(*faulty)) bustest.Harness {
	return bustest.Harness{
		Open:       func(testing.TB) tier.Bus { return newFaulty(faults.NewHub(), spoil) },
		Peer:       func(_ testing.TB, b tier.Bus) tier.Bus { return newFaulty(b.(*faulty).hub, spoil) },
		Disconnect: func(_ testing.TB, b tier.Bus) { b.(*faulty).disconnect() },
	}
}

// mutant is a bus that breaks one rule.
type mutant struct {
	rule  string // that must reject it
	how   string // what it does wrong
	spoil func(f *faulty)
}

func mutants() []mutant {
	return []mutant{
		{"message-reaches-every-subscriber", "keeps one subscriber", func(f *faulty) {
			var mu sync.Mutex
			stop := func() {}
			f.subscribe = func(ctx context.Context, wake func(tenancy.Position)) {
				mu.Lock()
				defer mu.Unlock()
				stop()
				ctx, stop = context.WithCancel(ctx)
				f.next.Subscribe(ctx, wake)
			}
		}},
		{"message-reaches-every-subscriber", "sends a position once", func(f *faulty) {
			var newest tenancy.Revision
			f.publish = func(ctx context.Context, p tenancy.Position) error {
				if p.Revision > 5 && newest > 4 {
					return nil
				}
				newest = max(newest, p.Revision)
				return f.next.Publish(ctx, p)
			}
		}},
		{"message-reaches-other-processes", "stays in its process", func(f *faulty) {
			f.filter(func(func(tenancy.Position), tenancy.Position) {})
			f.publish = func(context.Context, tenancy.Position) error { return nil }
		}},
		{"position-is-exact", "drops the mark", func(f *faulty) {
			f.filter(func(wake func(tenancy.Position), p tenancy.Position) { wake(tenancy.Position{Revision: p.Revision}) })
		}},
		{"position-is-exact", "sends floats", func(f *faulty) {
			f.filter(func(wake func(tenancy.Position), p tenancy.Position) {
				wake(tenancy.Position{Revision: p.Revision, Mark: int64(float64(p.Mark))})
			})
		}},
		{"position-is-exact", "makes up positions", func(f *faulty) {
			f.filter(func(wake func(tenancy.Position), p tenancy.Position) {
				wake(p)
				wake(tenancy.Position{Revision: 4242, Mark: 1})
			})
		}},
		{"nothing-is-lost-silently", "connects after Subscribe and says nothing", func(f *faulty) {
			f.subscribe = func(ctx context.Context, wake func(tenancy.Position)) {
				go func() {
					time.Sleep(20 * time.Millisecond)
					f.next.Subscribe(ctx, wake)
				}()
			}
		}},
		{"burst-arrives", "passes on a hundred messages", func(f *faulty) {
			n := 0
			var mu sync.Mutex
			f.filter(func(wake func(tenancy.Position), p tenancy.Position) {
				mu.Lock()
				defer mu.Unlock()
				if n++; n < 100 {
					wake(p)
				}
			})
		}},
		{"subscribe-returns-at-once", "listens in Subscribe", func(f *faulty) {
			f.subscribe = func(ctx context.Context, wake func(tenancy.Position)) {
				f.next.Subscribe(ctx, wake)
				<-ctx.Done()
			}
		}},
		{"subscription-ends-with-its-context", "goes on for ever", func(f *faulty) {
			f.subscribe = func(ctx context.Context, wake func(tenancy.Position)) {
				f.next.Subscribe(context.WithoutCancel(ctx), wake)
			}
		}},
		{"subscription-ends-with-its-context", "ends all subscriptions with the first", func(f *faulty) {
			var first context.Context
			f.subscribe = func(ctx context.Context, wake func(tenancy.Position)) {
				if first == nil {
					first = ctx //nolint:fatcontext // which is its mistake
				}
				f.next.Subscribe(first, wake)
			}
		}},
		{"reconnection-wakes", "reconnects silently", func(f *faulty) { f.disconnect = func() {} }},
		{"reconnection-wakes", "does not reconnect", func(f *faulty) {
			lost := false
			f.filter(func(wake func(tenancy.Position), p tenancy.Position) {
				if !lost {
					wake(p)
				}
				lost = lost || p.IsZero()
			})
		}},
		{"ended-context", "waits for a connection", func(f *faulty) {
			f.publish = func(ctx context.Context, p tenancy.Position) error {
				if ctx.Err() != nil {
					time.Sleep(time.Second)
				}
				return f.next.Publish(ctx, p)
			}
		}},
		{"close-ends-subscriptions", "leaves its subscriptions behind", func(f *faulty) {
			f.close = func() error { return nil }
		}},
		{"close-ends-subscriptions", "waits for its subscribers", func(f *faulty) {
			var subscribers sync.WaitGroup
			f.subscribe = func(ctx context.Context, wake func(tenancy.Position)) {
				f.next.Subscribe(ctx, wake)
				subscribers.Go(func() { <-ctx.Done() })
			}
			f.close = func() error {
				subscribers.Wait()
				return f.next.Close()
			}
		}},
	}
}

func TestEveryMutantIsRejectedByItsRule(t *testing.T) {
	suite := mutation.Suite[bustest.Rule, bustest.Harness]{Rules: bustest.Rules(), Text: text, Check: bustest.Rule.Check}
	for _, m := range mutants() {
		broken := harness(m.spoil)
		broken.Patience = 300 * time.Millisecond
		suite.Mutants = append(suite.Mutants, mutation.Mutant[bustest.Harness]{Rule: m.rule, How: m.how, Sound: harness(nil), Broken: broken})
	}
	suite.Test(t)
}

func TestHarnessFieldsAreNamed(t *testing.T) {
	if got := recorder.Record(t, func(tb testing.TB) { bustest.Rules()[0].Check(tb, bustest.Harness{}) }); !strings.Contains(got.Text(), "Harness.Open") {
		t.Errorf("a harness without Open: got %q", got.Text())
	}
	alone := harness(nil)
	alone.Peer, alone.Disconnect = nil, nil
	for _, r := range bustest.Rules() {
		got := recorder.Record(t, func(tb testing.TB) { r.Check(tb, alone) })
		if got.Failed() || got.Skipped != "" && !strings.Contains(got.Skipped, "Harness.") {
			t.Errorf("rule %s: %s%s", r.Name, got.Text(), got.Skipped)
		}
	}
}
