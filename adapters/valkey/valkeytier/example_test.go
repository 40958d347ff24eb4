package valkeytier_test

import (
	"context"
	"fmt"
	"log"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// A tier in front of a store. In a service the store is one of bunpg or bunsqlite;
// whether Valkey runs makes no difference to what is read.
func Example() {
	ctx := context.Background()
	store, err := valkeytier.New(memstore.New(), valkey.ClientOption{
		InitAddress: []string{"127.0.0.1:6379"},
		Username:    "tenancy", Password: "secret",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	if _, err := store.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme Inc"}); err != nil {
		log.Fatal(err)
	}
	acme, err := store.GetByIdentifier(ctx, "acme")
	fmt.Println(acme.Name, err)
	// Output: Acme Inc <nil>
}

// Tenants with databases of their own are cached only sealed. The bus tells other
// processes of every change.
func ExampleWithSealer() {
	key, err := seal.ParseKey("2026-01", seal.GenerateKey()) // keep it where secrets are kept
	if err != nil {
		log.Fatal(err)
	}
	keyring, err := seal.NewKeyring(key)
	if err != nil {
		log.Fatal(err)
	}
	store, err := valkeytier.New(memstore.New(),
		valkey.ClientOption{InitAddress: []string{"127.0.0.1:6379"}},
		valkeytier.WithSealer(keyring),
		valkeytier.WithBus(),
	)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(store.Close())
	// Output: <nil>
}

// Sentinel: the addresses are those of the sentinels.
func ExampleNew_sentinel() {
	store, err := valkeytier.New(memstore.New(), valkey.ClientOption{
		InitAddress: []string{"127.0.0.1:26379", "127.0.0.1:26380", "127.0.0.1:26381"},
		Sentinel:    valkey.SentinelOption{MasterSet: "tenancy"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(store.Close())
	// Output: <nil>
}

// The cache's own counts tell how it gets on with the server.
func ExampleCache_Stats() {
	store, err := valkeytier.New(memstore.New(), valkey.ClientOption{InitAddress: []string{"127.0.0.1:1"}})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	cache := store.Shared().(*valkeytier.Cache)
	fmt.Println("in use:", cache.Stats().State == observe.BreakerClosed)
	// Output: in use: false
}
