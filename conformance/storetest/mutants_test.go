package storetest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/conformance/internal/recorder"
	"github.com/go-tenancy/tenantstore/conformance/storetest"
)

// mutant is a store that breaks one rule.
type mutant struct {
	rule  string // that must reject it
	how   string // what it does wrong
	spoil func(f *faulty)
	// harness, where a faulty store will not do, returns the whole harness.
	harness func() storetest.Harness
}

func mutants() []mutant {
	return slices.Concat(writeMutants(), readMutants(), inputMutants(), concurrencyMutants(), logMutants(), watchMutants(), worldMutants())
}

// A rule about concurrency meets its case by chance, on a busy machine not in
// every run.
const runs = 5

func TestEveryMutantIsRejectedByItsRule(t *testing.T) {
	rules := map[string]storetest.Rule{}
	for _, r := range storetest.Rules() {
		rules[r.Name] = r
	}
	for _, m := range mutants() {
		t.Run(m.rule+"/"+strings.ReplaceAll(m.how, " ", "-"), func(t *testing.T) {
			t.Parallel()
			r, ok := rules[m.rule]
			if !ok {
				t.Fatalf("there is no rule %q", m.rule)
			}
			broken, sound := faultyHarness(m.spoil), faultyHarness(nil)
			if m.harness != nil {
				broken, sound = m.harness(), minimalHarness()
			}
			broken.Patience = 300 * time.Millisecond
			control := recorder.Record(t, func(tb testing.TB) { r.Check(tb, sound) })
			if control.Failed() || control.Skipped != "" {
				t.Fatalf("the rule does not accept a sound store: %s%s", control.Skipped, control.Text())
			}
			var got recorder.Outcome
			for range runs {
				if got = recorder.Record(t, func(tb testing.TB) { r.Check(tb, broken) }); got.Failed() {
					break
				}
			}
			if !got.Failed() {
				t.Fatalf("the rule accepts a store that %s%s", m.how, got.Skipped)
			}
			t.Logf("%s", got.Failures[0])
			for _, failure := range got.Failures {
				if !strings.HasPrefix(failure, "rule "+r.Name+": "+r.Says) {
					t.Errorf("a failure does not name the rule: %s", failure)
				}
			}
		})
	}
}

func TestEveryRuleHasAMutant(t *testing.T) {
	has := map[string]bool{}
	for _, m := range mutants() {
		has[m.rule] = true
	}
	for _, r := range storetest.Rules() {
		if !has[r.Name] {
			t.Errorf("rule %s has no mutant", r.Name)
		}
	}
}

func TestRulesHaveNamesAndSentences(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range storetest.Rules() {
		if seen[r.Name] {
			t.Errorf("two rules are called %s", r.Name)
		}
		seen[r.Name] = true
		if strings.Trim(r.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || !strings.HasSuffix(r.Says, ".") {
			t.Errorf("rule %q: want a name in kebab case and a sentence, got %q", r.Name, r.Says)
		}
	}
}
