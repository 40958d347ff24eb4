package tier_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// unboundedCache is the simplest cache of one process. What it keeps too long does
// no harm: the tier serves no entry that is out of date.
type unboundedCache struct{ entries sync.Map }

func (c *unboundedCache) Get(_ context.Context, key tenancy.Key) (tier.Result, error) {
	found, _ := c.entries.Load(key)
	e, _ := found.(*tier.Entry)
	return tier.Result{Entry: e, Token: tier.LocalToken}, nil
}

func (c *unboundedCache) Put(_ context.Context, _ tier.Token, e *tier.Entry) error {
	c.entries.Store(e.Key, e)
	return nil
}

func (c *unboundedCache) Drop(_ context.Context, e *tier.Entry) error {
	c.entries.CompareAndDelete(e.Key, e)
	return nil
}

func (c *unboundedCache) InvalidateAll(context.Context) (int64, error) {
	c.entries.Clear()
	return -1, nil
}

// Leases, and obeying changes, are for caches that processes share.
func (c *unboundedCache) Release(context.Context, tenancy.Key, tier.Token) error { return nil }
func (c *unboundedCache) Apply(context.Context, tenancy.Change) error            { return nil }
func (c *unboundedCache) Shared() bool                                           { return false }

func (c *unboundedCache) Close() error {
	c.entries.Clear() // a Get may still come, and must find nothing
	return nil
}

func Example() {
	ctx := context.Background()
	primary := memstore.New() // or bunpg.Open
	store, err := tier.New(primary, &unboundedCache{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close() // closes the cache and primary, too

	acme, err := store.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if err != nil {
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
	fmt.Println(stats.Loads, "load,", stats.Hits, "hits")

	if _, err := store.SetStatus(ctx, acme.ID, tenancy.StatusSuspended); err != nil {
		fmt.Println(err)
		return
	}
	acme, err = store.GetByIdentifier(ctx, "acme")
	fmt.Println(acme.Status, err)
	// Output:
	// 1 load, 2 hits
	// suspended <nil>
}
