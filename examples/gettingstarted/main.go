// Command gettingstarted is the program of docs/getting-started.md: a service that
// greets the tenant of each request.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func main() {
	ctx := context.Background()
	store, err := open(ctx, "tenants.db")
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	_, err = store.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme Inc."})
	if err != nil && !errors.Is(err, tenancy.ErrAlreadyExists) {
		log.Fatal(err)
	}
	app, err := handler(store)
	if err != nil {
		log.Fatal(err)
	}
	log.Print("try: curl -H 'Host: acme.localhost' http://127.0.0.1:8080/")
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", app))
}

// open returns a cache in memory over a SQLite file, which is created and migrated.
func open(ctx context.Context, file string) (tenancy.Store, error) {
	primary, err := bunsqlite.Open(ctx, file)
	if err != nil {
		return nil, err
	}
	return ristrettotier.New(primary)
}

func handler(store tenancy.Getter) (http.Handler, error) {
	tenant, err := tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain("localhost"))
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		tenant := tenancy.MustFromContext(r.Context())
		fmt.Fprintf(w, "Hello, %s!\n", tenant.Name)
	})
	return tenant(mux), nil
}
