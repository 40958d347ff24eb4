package ristrettotier_test

import (
	"context"
	"fmt"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

func Example() {
	ctx := context.Background()
	primary := memstore.New() // or bunpg.Open, perhaps with a Valkey tier over it
	store, err := ristrettotier.New(primary,
		ristrettotier.WithMaxEntries(50_000),
		ristrettotier.WithTier(tier.WithTTL(10*time.Minute)))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close() // closes primary, too

	if _, err := store.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		if _, err := store.GetByIdentifier(ctx, "acme"); err != nil {
			fmt.Println(err)
			return
		}
	}
	stats := store.Stats()
	fmt.Println(stats.Loads, "load,", stats.Local.Hits, "hits")
	// Output: 1 load, 2 hits
}

// With NewCache, the application keeps the cache at hand for its statistics.
func ExampleNewCache() {
	cache, err := ristrettotier.NewCache(ristrettotier.WithMaxBytes(64 << 20))
	if err != nil {
		fmt.Println(err)
		return
	}
	store, err := tier.New(memstore.New(), tier.Local(cache))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close() // closes cache, too

	_, err = store.GetByIdentifier(context.Background(), "nobody")
	fmt.Println(err)
	stats := cache.Stats()
	fmt.Println(stats.Tenants.Entries, "tenants,", stats.Negatives.Entries, "negative entry")
	// Output:
	// tenancy: GetByIdentifier: identifier "nobody": not found
	// 0 tenants, 1 negative entry
}
