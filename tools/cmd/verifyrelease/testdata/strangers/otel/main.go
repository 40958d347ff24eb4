// A program with traces and metrics through OpenTelemetry, over a store in memory.
package main

import (
	"context"
	"errors"
	"log"

	"github.com/go-tenancy/tenantstore/adapters/otel/oteltenancy"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) (err error) {
	store, err := oteltenancy.Wrap(memstore.New())
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
