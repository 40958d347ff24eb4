package tiertest_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/conformance/internal/mutation"
	"github.com/go-tenancy/tenantstore/conformance/internal/recorder"
	"github.com/go-tenancy/tenantstore/conformance/tiertest"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// mutant is a cache that breaks one rule.
type mutant struct {
	rule  string // that must reject it
	how   string // what it does wrong
	local bool
	spoil func(f *faulty)
}

func mutants() []mutant {
	return slices.Concat(entryMutants(), leaseMutants(), changeMutants(), useMutants())
}

func TestEveryMutantIsRejectedByItsRule(t *testing.T) {
	suite := mutation.Suite[tiertest.Rule, tiertest.Harness]{Rules: tiertest.Rules(), Text: text, Check: tiertest.Rule.Check}
	for _, m := range mutants() {
		harness := sharedHarness
		if m.local {
			harness = localHarness
		}
		broken := harness(m.spoil)
		broken.Patience = 500 * time.Millisecond
		if m.rule == "abandoned-lease-ends" {
			broken.Patience = 2 * time.Second
		}
		suite.Mutants = append(suite.Mutants, mutation.Mutant[tiertest.Harness]{Rule: m.rule, How: m.how, Sound: harness(nil), Broken: broken})
	}
	suite.Test(t)
}

func TestHarnessNeedsOpen(t *testing.T) {
	got := recorder.Record(t, func(tb testing.TB) { tiertest.Rules()[0].Check(tb, tiertest.Harness{}) })
	if !strings.Contains(got.Text(), "Harness.Open") {
		t.Errorf("a harness without Open: got %q, want a failure that names the field", got.Text())
	}
}

// The steps of which mutants are made. They use nothing but the port.

// remove makes nothing be under k, neither entry nor lease.
func (f *faulty) remove(ctx context.Context, k tenancy.Key) error {
	return f.next.Apply(ctx, tenancy.Change{Position: tenancy.Position{Revision: 1<<63 - 1}, Keys: []tenancy.Key{k}})
}

// force stores e whatever is there.
func (f *faulty) force(ctx context.Context, e *tier.Entry) error {
	if err := f.remove(ctx, e.Key); err != nil {
		return err
	}
	r, err := f.next.Get(ctx, e.Key)
	if err != nil {
		return err
	}
	return f.next.Put(ctx, r.Token, e)
}

// look returns the entry under k without taking a lease; free says that nothing
// was there, not even a lease.
func (f *faulty) look(ctx context.Context, k tenancy.Key) (e *tier.Entry, free bool) {
	r, err := f.next.Get(ctx, k)
	if err != nil {
		return nil, false
	}
	if r.Token != 0 {
		return nil, f.next.Release(ctx, k, r.Token) == nil
	}
	return r.Entry, false
}

// alter changes what Get returns.
func (f *faulty) alter(change func(t *tenancy.Versioned)) {
	f.get = func(ctx context.Context, k tenancy.Key) (tier.Result, error) {
		r, err := f.next.Get(ctx, k)
		if r.Entry != nil {
			e := *r.Entry
			change(&e.Versioned)
			r.Entry = &e
		}
		return r, err
	}
}

// rekey makes f mix up the keys for which key returns the same.
func (f *faulty) rekey(key func(k tenancy.Key) tenancy.Key) {
	names := map[tenancy.Key]*tier.Entry{}
	f.get = func(ctx context.Context, k tenancy.Key) (tier.Result, error) {
		r, err := f.next.Get(ctx, key(k))
		if r.Entry != nil {
			r.Entry = names[key(k)]
			if r.Entry != nil && r.Entry.Key != k { // it does not even tell
				e := *r.Entry
				e.Key = k
				r.Entry = &e
			}
		}
		return r, err
	}
	f.put = func(ctx context.Context, token tier.Token, e *tier.Entry) error {
		names[key(e.Key)] = e
		renamed := *e
		renamed.Key = key(e.Key)
		return f.next.Put(ctx, token, &renamed)
	}
}
