package tenantpool_test

import (
	"context"
	"fmt"
	"log"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenantpool"
)

// DB stands for *sql.DB, *pgxpool.Pool or the like.
type DB struct{ name string }

func (db *DB) Close() error { return nil }

func connect(_ context.Context, t tenancy.Tenant) (*DB, error) {
	return &DB{name: t.DatabaseURL.Reveal()}, nil
}

func Example() {
	store := memstore.New() // outside of tests, the one of tenancyhttp.NewMiddleware
	defer store.Close()
	pools, err := tenantpool.New(store, connect, (*DB).Close, tenantpool.WithMax(50))
	if err != nil {
		log.Fatal(err)
	}
	defer pools.Close()

	acme, err := store.Create(context.Background(), tenancy.Tenant{
		Identifier: "acme", Name: "Acme", DatabaseURL: tenancy.NewSecret("postgres://db1/acme"),
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx := tenancy.NewContext(context.Background(), acme) // the middleware has done that
	lease, err := pools.Get(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer lease.Release()
	fmt.Println(lease.Resource().name)
	// Output: postgres://db1/acme
}
