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

// mutant is a shared cache that breaks one rule.
type mutant struct {
	rule  string // that must reject it
	how   string // what it does wrong
	spoil func(f *faulty)
}

func TestEverySharedMutantIsRejectedByItsRule(t *testing.T) {
	suite := mutation.Suite[tiertest.Rule, tiertest.SharedHarness]{Rules: tiertest.SharedRules(), Text: text, Check: tiertest.Rule.CheckShared}
	for _, m := range slices.Concat(entryMutants(), leaseMutants(), changeMutants(), useMutants()) {
		broken := sharedHarness(m.spoil)
		broken.Patience = 500 * time.Millisecond
		if m.rule == "abandoned-lease-ends" {
			broken.Patience = 2 * time.Second
		}
		suite.Mutants = append(suite.Mutants, mutation.Mutant[tiertest.SharedHarness]{Rule: m.rule, How: m.how, Sound: sharedHarness(nil), Broken: broken})
	}
	suite.Test(t)
}

func TestEveryLocalMutantIsRejectedByItsRule(t *testing.T) {
	suite := mutation.Suite[tiertest.Rule, tiertest.LocalHarness]{Rules: tiertest.LocalRules(), Text: text, Check: tiertest.Rule.CheckLocal}
	for _, m := range localMutants() {
		broken := localHarness(m.spoil)
		broken.Patience = 500 * time.Millisecond
		suite.Mutants = append(suite.Mutants, mutation.Mutant[tiertest.LocalHarness]{Rule: m.rule, How: m.how, Sound: localHarness(nil), Broken: broken})
	}
	suite.Test(t)
}

func TestHarnessNeedsOpen(t *testing.T) {
	for name, check := range map[string]func(tb testing.TB){
		"LocalHarness.Open":  func(tb testing.TB) { tiertest.LocalRules()[0].CheckLocal(tb, tiertest.LocalHarness{}) },
		"SharedHarness.Open": func(tb testing.TB) { tiertest.SharedRules()[0].CheckShared(tb, tiertest.SharedHarness{}) },
	} {
		if got := recorder.Record(t, check); !strings.Contains(got.Text(), name) {
			t.Errorf("a harness without Open: got %q, want a failure that names %s", got.Text(), name)
		}
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
