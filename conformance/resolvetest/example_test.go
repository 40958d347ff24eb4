package resolvetest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-tenancy/tenantstore/conformance/resolvetest"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Beside a middleware this is func TestMiddleware(t *testing.T).
func ExampleRun() {
	testMiddleware := func(t *testing.T) {
		resolvetest.Run(t, resolvetest.Harness{
			Open: func(_ testing.TB, getter tenancy.Getter, next http.Handler) http.Handler {
				return newMiddleware(getter, next)
			},
			Request: func(_ testing.TB, name string) *http.Request {
				r := httptest.NewRequest(http.MethodGet, "/", nil)
				r.Header.Set("X-Tenant", name)
				return r
			},
			Vary: []string{"X-Tenant"},
		})
	}
	_ = testMiddleware
}

func ExampleRules() {
	for _, r := range resolvetest.Rules()[:2] {
		fmt.Printf("%s: %s\n", r.Name, r.Says)
	}
	// Output:
	// tenant-in-context: The next handler finds the tenant that the request names in its context, as the store has it.
	// requests-do-not-mix: Requests at the same time get each its own tenant.
}
