// Package mutation tests the suites of this module: each of their rules must accept
// what keeps it, and reject every mutant that breaks it, in words that name the rule.
package mutation

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/conformance/internal/recorder"
)

// attempts is how often a rule may look at a mutant. One about concurrency meets its case by
// chance: most do in every run, the rarest in two of three.
const attempts = 100

// Suite is a suite whose rules have the type R and whose harness has the type H.
type Suite[R, H any] struct {
	Rules   []R
	Text    func(R) (name, says string)
	Check   func(r R, tb testing.TB, h H)
	Mutants []Mutant[H]
}

// Mutant breaks one rule.
type Mutant[H any] struct {
	Rule          string // that must reject it
	How           string // what it does wrong
	Sound, Broken H
}

// Test tests the suite, each mutant in a parallel subtest of t and a bubble of its own:
// time passes where all wait, so that none waits in vain because the machine is busy.
func (s Suite[R, H]) Test(t *testing.T) {
	byName := map[string]R{}
	mutants := map[string]bool{}
	for _, m := range s.Mutants {
		mutants[m.Rule] = true
	}
	for _, r := range s.Rules {
		name, says := s.Text(r)
		if _, twice := byName[name]; twice {
			t.Errorf("two rules are called %s", name)
		}
		byName[name] = r
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || !strings.HasSuffix(says, ".") {
			t.Errorf("rule %q: want a name in kebab case and a sentence, got %q", name, says)
		}
		if !mutants[name] {
			t.Errorf("rule %s has no mutant", name)
		}
	}
	for _, m := range s.Mutants {
		t.Run(m.Rule+"/"+strings.ReplaceAll(m.How, " ", "-"), func(t *testing.T) {
			t.Parallel()
			r, ok := byName[m.Rule]
			if !ok {
				t.Fatalf("there is no rule %q", m.Rule)
			}
			synctest.Test(t, func(t *testing.T) {
				s.reject(t, r, m)
				time.Sleep(time.Hour) // calls that a mutant keeps waiting end
			})
		})
	}
}

func (s Suite[R, H]) reject(t testing.TB, r R, m Mutant[H]) {
	t.Helper()
	control := recorder.Record(t, func(tb testing.TB) { s.Check(r, tb, m.Sound) })
	if control.Failed() || control.Skipped != "" {
		t.Fatalf("the rule does not accept what is sound: %s%s", control.Skipped, control.Text())
	}
	var got recorder.Outcome
	for n := 0; n < attempts && !got.Failed(); n++ {
		got = recorder.Record(t, func(tb testing.TB) { s.Check(r, tb, m.Broken) })
	}
	if !got.Failed() {
		t.Fatalf("the rule accepts one that %s%s", m.How, got.Skipped)
	}
	t.Logf("%s", got.Failures[0])
	name, says := s.Text(r)
	for _, failure := range got.Failures {
		if !strings.HasPrefix(failure, "rule "+name+": "+says) {
			t.Errorf("a failure does not name the rule: %s", failure)
		}
	}
}
