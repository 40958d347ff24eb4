// A program with metrics for Prometheus, over a store in memory.
package main

import (
	"context"
	"errors"
	"log"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/go-tenancy/tenantstore/adapters/prometheus/promtenancy"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) (err error) {
	store, err := promtenancy.Wrap(memstore.New())
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
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	if err := registry.Register(store); err != nil {
		return err
	}
	families, err := registry.Gather()
	if err == nil && len(families) == 0 {
		err = errors.New("there are no metrics")
	}
	return err
}
