// A program that keeps its tenants in a file.
package main

import (
	"context"
	"errors"
	"log"
	"os"
	"path/filepath"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "stranger-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "tenants.db")

	store, err := bunsqlite.Open(ctx, file)
	if err != nil {
		return err
	}
	made, err := store.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme Inc."})
	if err := errors.Join(err, store.Close()); err != nil {
		return err
	}

	store, err = bunsqlite.Open(ctx, file)
	if err != nil {
		return err
	}
	found, err := store.GetByID(ctx, made.ID)
	if err == nil && found != made {
		err = errors.New("the file has another tenant than was made")
	}
	return errors.Join(err, store.Close())
}
