package promtenancy_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/go-tenancy/tenantstore/adapters/prometheus/promtenancy"
	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

func Example() {
	ctx := context.Background()
	local, err := tier.New(memstore.New(), tier.Local(faults.NewLocal())) // ristrettotier.New(primary), outside of tests
	if err != nil {
		log.Fatal(err)
	}
	store, err := promtenancy.Wrap(local) // sees the tiers below, too
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	registry := prometheus.NewRegistry()
	registry.MustRegister(store)
	http.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))

	if _, err := store.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
		log.Fatal(err)
	}
	for range 3 {
		if _, err := store.GetByIdentifier(ctx, "acme"); err != nil {
			log.Fatal(err)
		}
	}
	err = testutil.GatherAndCompare(registry, strings.NewReader(`
		# HELP tenancy_cache_coalesced_loads_total Lookups that waited for the load of another caller.
		# TYPE tenancy_cache_coalesced_loads_total counter
		tenancy_cache_coalesced_loads_total{tenancy_store="tenants"} 0
	`), "tenancy_cache_coalesced_loads_total")
	fmt.Println(err)
	fmt.Println(local.Stats().Local.Hits, "hits")
	// Output:
	// <nil>
	// 2 hits
}
