// A service that has its tenants somewhere else, and needs the middleware alone.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// directory is a tenancy.Getter.
type directory map[string]tenancy.Tenant

func (d directory) GetByID(_ context.Context, id string) (tenancy.Tenant, error) {
	for _, t := range d {
		if t.ID == id {
			return t, nil
		}
	}
	return tenancy.Tenant{}, tenancy.ErrNotFound
}

func (d directory) GetByIdentifier(_ context.Context, identifier string) (tenancy.Tenant, error) {
	if t, ok := d[identifier]; ok {
		return t, nil
	}
	return tenancy.Tenant{}, tenancy.ErrNotFound
}

func main() {
	tenants := directory{"acme": {ID: "1", Identifier: "acme", Name: "Acme Inc.", Status: tenancy.StatusActive}}
	tenant, err := tenancyhttp.NewMiddleware(tenants, tenancyhttp.Header("X-Tenant"))
	if err != nil {
		log.Fatal(err)
	}
	handler := tenant(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, tenancy.MustFromContext(r.Context()).ID)
		}))
	for identifier, want := range map[string]int{"acme": http.StatusOK, "globex": http.StatusNotFound, "": http.StatusBadRequest} {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		if identifier != "" {
			request.Header.Set("X-Tenant", identifier)
		}
		response := httptest.NewRecorder()
		handler.ServeHTTP(response, request)
		if response.Code != want {
			log.Fatalf("%q: status %d, want %d", identifier, response.Code, want)
		}
	}
}
