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

func (c *unboundedCache) Get(key tenancy.Key) *tier.Entry {
	found, _ := c.entries.Load(key)
	e, _ := found.(*tier.Entry)
	return e
}

func (c *unboundedCache) Put(e *tier.Entry) { c.entries.Store(e.Key, e) }

func (c *unboundedCache) InvalidateAll() int64 {
	c.entries.Clear()
	return -1 // who knows
}

func (c *unboundedCache) MaxEntries() int64 { return 1 << 20 }

func (c *unboundedCache) Close() { c.entries.Clear() } // a Get may still come, and must find nothing

func Example() {
	ctx := context.Background()
	primary := memstore.New() // or bunpg.Open
	store, err := tier.New(primary, tier.Local(&unboundedCache{}))
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
	fmt.Println(stats.Loads, "load,", stats.Local.Hits, "hits")

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
