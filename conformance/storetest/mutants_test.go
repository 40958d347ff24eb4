package storetest_test

import (
	"slices"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/conformance/internal/mutation"
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
	return slices.Concat(writeMutants(), checkMutants(), nameMutants(), readMutants(), inputMutants(), concurrencyMutants(), logMutants(), pageMutants(), waitMutants(), watchMutants(), worldMutants())
}

func TestEveryMutantIsRejectedByItsRule(t *testing.T) {
	suite := mutation.Suite[storetest.Rule, storetest.Harness]{Rules: storetest.Rules(), Text: text, Check: storetest.Rule.Check}
	for _, m := range mutants() {
		sound, broken := faultyHarness(nil), faultyHarness(m.spoil)
		if m.harness != nil {
			sound, broken = minimalHarness(), m.harness()
		}
		broken.Patience = 300 * time.Millisecond
		suite.Mutants = append(suite.Mutants, mutation.Mutant[storetest.Harness]{Rule: m.rule, How: m.how, Sound: sound, Broken: broken})
	}
	suite.Test(t)
}
