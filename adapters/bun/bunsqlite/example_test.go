package bunsqlite_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func ExampleOpen() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "tenants")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	store, err := bunsqlite.Open(ctx, filepath.Join(dir, "tenants.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = store.Close() }()

	if _, err := store.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme Inc."}); err != nil {
		log.Fatal(err)
	}
	acme, err := store.GetByIdentifier(ctx, "acme")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(acme.Name, acme.Status)
	// Output: Acme Inc. active
}

// A database for a test: nothing is left of it after Close.
func ExampleOpen_memory() {
	ctx := context.Background()
	store, err := bunsqlite.Open(ctx, bunsqlite.Memory)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	n, err := store.Count(ctx, tenancy.Filter{})
	fmt.Println(n, err)
	// Output: 0 <nil>
}
