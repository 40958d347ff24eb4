package mutation

import (
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/conformance/internal/recorder"
)

// The rule of this suite is that a number is even; check is how it is checked.
type rule func(tb testing.TB, n int)

func suite() Suite[rule, int] {
	return Suite[rule, int]{
		Text:  func(rule) (name, says string) { return "even", "A number is even." },
		Check: func(r rule, tb testing.TB, n int) { r(tb, n) },
	}
}

func even(tb testing.TB, n int) {
	if n%2 != 0 {
		tb.Errorf("rule even: A number is even. %d is not", n)
	}
}

func TestReject(t *testing.T) {
	chance := 0
	for name, c := range map[string]struct {
		check rule
		fails string // what must be said, or "" if nothing is wrong
	}{
		"good":     {even, ""},
		"chance":   {func(tb testing.TB, n int) { chance += n; even(tb, max(0, chance-2)*n) }, ""},
		"blind":    {func(testing.TB, int) {}, "the rule accepts one that is odd"},
		"strict":   {func(tb testing.TB, n int) { even(tb, 1) }, "does not accept what is sound"},
		"skipping": {func(tb testing.TB, n int) { tb.Skip("no harness") }, "does not accept what is sound: no harness"},
		"nameless": {func(tb testing.TB, n int) { even(discard{tb}, n) }, "does not name the rule: odd"},
	} {
		got := recorder.Record(t, func(tb testing.TB) {
			suite().reject(tb, c.check, Mutant[int]{Rule: "even", How: "is odd", Sound: 0, Broken: 1})
		})
		if c.fails == "" && got.Failed() || !strings.Contains(got.Text(), c.fails) {
			t.Errorf("%s: got %q, want %q", name, got.Text(), c.fails)
		}
	}
}

// discard says something else.
type discard struct{ testing.TB }

func (d discard) Errorf(string, ...any) { d.TB.Errorf("odd") }
