// A service with every module: SQLite, Valkey, memory, traces, metrics, HTTP.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/otel/oteltenancy"
	"github.com/go-tenancy/tenantstore/adapters/prometheus/promtenancy"
	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) (err error) {
	primary, err := bunsqlite.Open(ctx, bunsqlite.Memory)
	if err != nil {
		return err
	}
	// A Valkey that is not there costs hits, and no answer.
	server := valkey.ClientOption{InitAddress: []string{cmp.Or(os.Getenv("TENANTSTORE_VALKEY"), "127.0.0.1:1")}}
	shared, err := valkeytier.New(primary, server, valkeytier.WithBus(), valkeytier.WithKeyPrefix("stranger:"+tenancy.NewID()+":"))
	if err != nil {
		return errors.Join(err, primary.Close())
	}
	local, err := ristrettotier.New(shared)
	if err != nil {
		return errors.Join(err, shared.Close())
	}
	traced, err := oteltenancy.Wrap(local)
	if err != nil {
		return errors.Join(err, local.Close())
	}
	store, err := promtenancy.Wrap(traced)
	if err != nil {
		return errors.Join(err, traced.Close())
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	registry := prometheus.NewRegistry()
	if err := registry.Register(store); err != nil {
		return err
	}
	if _, err := store.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme Inc."}); err != nil {
		return err
	}
	tenant, err := tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain("example.com"))
	if err != nil {
		return err
	}
	handler := tenant(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, tenancy.MustFromContext(r.Context()).Name)
		}))
	if err := ask(handler, "acme.example.com", http.StatusOK); err != nil {
		return err
	}
	if err := ask(handler, "globex.example.com", http.StatusNotFound); err != nil {
		return err
	}
	families, err := registry.Gather()
	if err == nil && len(families) == 0 {
		err = errors.New("there are no metrics")
	}
	return err
}

func ask(handler http.Handler, host string, want int) error {
	request := httptest.NewRequest(http.MethodGet, "http://"+host+"/", nil)
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, request)
	if response.Code != want {
		return fmt.Errorf("%s: status %d, want %d", host, response.Code, want)
	}
	return nil
}
