package bunpg_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func Example() {
	ctx := context.Background()
	store, err := bunpg.Open(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			log.Print(err)
		}
	}()
	acme, err := store.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme Inc."})
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println(acme.ID, acme.Revision)
}

func ExampleOpen_options() {
	pool := bunpg.DefaultPool()
	pool.Size, pool.Overflow = 16, 16
	store, err := bunpg.Open(context.Background(), os.Getenv("DATABASE_URL"),
		bunpg.WithPool(pool),
		bunpg.WithLogger(slog.Default()),
		bunpg.WithStore(
			bunstore.WithSchema("accounts"),
			bunstore.WithSoftDelete(),
			bunstore.WithRetention(1_000_000, 30*24*time.Hour),
		))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = store.Close() }()
}

// Behind PgBouncer in transaction mode, Watch needs a direct connection, or
// polls.
func ExampleWithPgBouncer() {
	store, err := bunpg.Open(context.Background(), os.Getenv("PGBOUNCER_URL"),
		bunpg.WithPgBouncer(),
		bunpg.WithListenDSN(os.Getenv("DATABASE_URL")))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = store.Close() }()
}
