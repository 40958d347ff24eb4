// A program with a cache in memory over PostgreSQL.
package main

import (
	"context"
	"database/sql"
	"errors"
	"log"
	"os"
	"strings"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	_ "github.com/jackc/pgx/v5/stdlib"
)

func main() {
	if err := run(context.Background(), os.Getenv("TENANTSTORE_POSTGRES")); err != nil {
		log.Fatal(err)
	}
}

// run works in a schema of its own, which it drops.
func run(ctx context.Context, dsn string) (err error) {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return err
	}
	schema := "stranger_" + strings.ReplaceAll(tenancy.NewID(), "-", "")
	if _, err := db.ExecContext(ctx, "CREATE SCHEMA "+schema); err != nil {
		return err
	}
	defer func() {
		_, dropErr := db.ExecContext(ctx, "DROP SCHEMA "+schema+" CASCADE")
		err = errors.Join(err, dropErr, db.Close())
	}()
	return use(ctx, dsn, schema)
}

func use(ctx context.Context, dsn, schema string) (err error) {
	primary, err := bunpg.Open(ctx, dsn, bunpg.WithStore(bunstore.WithSchema(schema)))
	if err != nil {
		return err
	}
	store, err := ristrettotier.New(primary)
	if err != nil {
		return errors.Join(err, primary.Close())
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	made, err := store.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme Inc."})
	if err != nil {
		return err
	}
	if _, err := store.SetStatus(ctx, made.ID, tenancy.StatusSuspended); err != nil {
		return err
	}
	found, err := store.GetByIdentifier(ctx, "acme")
	if err != nil {
		return err
	}
	if found.Status != tenancy.StatusSuspended {
		return errors.New("the suspension is not seen")
	}
	return nil
}
