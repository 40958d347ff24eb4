// A service that keeps its tenants in memory.
package main

import (
	"context"
	"errors"
	"log"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	store := memstore.New()
	made, err := store.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme Inc."})
	if err != nil {
		return err
	}
	found, err := store.GetByIdentifier(ctx, "acme")
	if err != nil {
		return err
	}
	if found != made {
		return errors.New("found another tenant than was made")
	}
	return store.Close()
}
