package apptest

import (
	"fmt"
	"net/http"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// App is the application under test.
func App(store tenancy.Getter) (http.Handler, error) {
	return withTenant(store, http.HandlerFunc(plan))
}

func withTenant(store tenancy.Getter, next http.Handler) (http.Handler, error) {
	tenant, err := tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain("example.com"))
	if err != nil {
		return nil, err
	}
	return tenant(next), nil
}

func plan(w http.ResponseWriter, r *http.Request) {
	tenant := tenancy.MustFromContext(r.Context())
	value, ok := tenant.Metadata.Get("plan")
	if !ok {
		value = []byte(`"free"`)
	}
	fmt.Fprintf(w, "%s", value)
}
