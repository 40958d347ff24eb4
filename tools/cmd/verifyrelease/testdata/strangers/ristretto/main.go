// A program with a cache in memory, over a store in memory.
package main

import (
	"context"
	"errors"
	"log"

	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) (err error) {
	store, err := ristrettotier.New(memstore.New())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	made, err := store.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme Inc."})
	if err != nil {
		return err
	}
	found, err := store.GetByIdentifier(ctx, "acme")
	if err == nil && found != made {
		err = errors.New("found another tenant than was made")
	}
	return err
}
