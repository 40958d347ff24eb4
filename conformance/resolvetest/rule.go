package resolvetest

import (
	"net/http"
	"testing"

	"github.com/go-tenancy/tenantstore/conformance/internal/suite"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Harness tells the suite how to make the middleware under test, and requests for
// it. Open and Request are required. Every function is called from the goroutine
// of the test that tb belongs to; several tests may call it at the same time.
type Harness struct {
	// Open returns next behind the middleware, which asks getter for tenants and
	// puts the one of the request into its context by tenancy.NewContext. Tenants
	// are served that are active.
	Open func(tb testing.TB, getter tenancy.Getter, next http.Handler) http.Handler

	// Request returns a request, as a server would, that names a tenant by its
	// identifier. The suite also passes texts that no tenant can have: put them
	// where the identifier would stand, or return nil where there is no way to.
	Request func(tb testing.TB, name string) *http.Request

	// ByID says that requests name tenants by their ID instead.
	ByID bool

	// Absent returns a request that names no tenant.
	Absent func(tb testing.TB) *http.Request

	// Both returns a request that names two tenants.
	Both func(tb testing.TB, one, other string) *http.Request

	// Path returns a request that names a tenant in its path, where rest, as it is
	// sent, comes right behind the name: "/orders", "/%2e%2e/globex". Set it if the
	// middleware reads the path.
	Path func(tb testing.TB, name, rest string) *http.Request

	// OpenHidden is Open for a middleware that hides which tenants exist.
	OpenHidden func(tb testing.TB, getter tenancy.Getter, next http.Handler) http.Handler

	// Vary lists the request headers that the tenant depends on.
	Vary []string
}

// Rule is one rule of what a middleware must do.
type Rule struct {
	// Name is stable: it names the subtest, and every failure.
	Name string
	// Says is the rule in one sentence.
	Says string

	needs func(h Harness) string // the field of the harness that is missing
	check func(p *probe)
}

// Rules returns every rule, in the order in which Run checks them.
func Rules() []Rule {
	var rules []Rule
	for _, some := range [][]Rule{servingRules(), refusingRules(), answerRules()} {
		rules = append(rules, some...)
	}
	return rules
}

// Run checks the middleware of h against every rule, one parallel subtest each.
func Run(t *testing.T, h Harness) {
	for _, r := range Rules() {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			r.Check(t, h)
		})
	}
}

// Check checks the middleware of h against the rule alone. It skips if the rule
// needs a field of h that is not set.
func (r Rule) Check(tb testing.TB, h Harness) {
	tb.Helper()
	if h.Open == nil || h.Request == nil {
		tb.Fatal("resolvetest: Harness.Open and Harness.Request are required")
	}
	if r.needs != nil {
		if field := r.needs(h); field != "" {
			tb.Skip("resolvetest: Harness." + field + " is not set")
		}
	}
	p := &probe{T: suite.T{TB: tb, Name: r.Name, Says: r.Says}, h: h, store: newDirectory()}
	r.check(p)
}

// probe is one rule at work.
type probe struct {
	suite.T

	h     Harness
	store *directory
}
