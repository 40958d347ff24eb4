// A registry of tenants as a service, and a process that uses it.
package main

import (
	"context"
	"errors"
	"log"
	"net/http/httptest"

	"github.com/go-tenancy/tenantstore/adapters/http/tenantclient"
	"github.com/go-tenancy/tenantstore/adapters/http/tenantserver"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func main() {
	ctx := context.Background()
	service, err := tenantserver.New(memstore.New(), tenantserver.Full)
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(service)
	store, err := tenantclient.Open(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	created, err := store.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if err != nil {
		log.Fatal(err)
	}
	if found, err := store.GetByIdentifier(ctx, "acme"); err != nil || found != created {
		log.Fatal(found, err)
	}
	if _, err := store.GetByIdentifier(ctx, "nobody"); !errors.Is(err, tenancy.ErrNotFound) {
		log.Fatal(err)
	}
	if err := errors.Join(store.Close(), service.Close()); err != nil {
		log.Fatal(err)
	}
	server.Close()
}
