package promtenancy_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/go-tenancy/tenantstore/adapters/prometheus/promtenancy"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenantpool"
)

func TestPoolObserver(t *testing.T) {
	store := closing(t, memstore.New())
	fails := false
	pool, err := tenantpool.New(store, func(context.Context, tenancy.Tenant) (int, error) {
		if fails {
			return 0, errors.New("canary")
		}
		return 1, nil
	}, nil, tenantpool.WithMax(7), tenantpool.WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	closing(t, pool)
	var ctxs []context.Context
	for _, identifier := range []string{"canary-one", "canary-two"} {
		tenant, err := store.Create(t.Context(), tenancy.Tenant{Identifier: identifier, Name: "Canary"})
		if err != nil {
			t.Fatal(err)
		}
		ctxs = append(ctxs, tenancy.NewContext(t.Context(), tenant))
	}
	for range 3 {
		lease, err := pool.Get(ctxs[0])
		if err != nil {
			t.Fatal(err)
		}
		lease.Release()
	}
	fails = true
	if _, err := pool.Get(ctxs[1]); !errors.Is(err, tenantpool.ErrOpen) {
		t.Error(err)
	}
	o, err := promtenancy.NewPoolObserver(pool, promtenancy.WithName("databases"))
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := testutil.CollectAndLint(o); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
	got, err := scrape(o)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for name, want := range map[string]float64{
		"tenancy_pool_resources{state=idle": 1, "tenancy_pool_resources{state=leased": 0, "tenancy_pool_limit{": 7,
		"tenancy_pool_tenants{state=failing": 1, "tenancy_pool_tenants{state=waiting": 0,
		"tenancy_pool_gets_total{outcome=hit": 2, "tenancy_pool_gets_total{outcome=waited": 1, "tenancy_pool_gets_total{outcome=failed": 1,
		"tenancy_pool_opens_total{outcome=ok": 1, "tenancy_pool_opens_total{outcome=error": 1,
		"tenancy_pool_closes_total{reason=evicted": 0, "tenancy_pool_forced_closes_total{": 0,
	} {
		name, labels, _ := strings.Cut(name, "{")
		key := name + "{store=databases}"
		if labels != "" {
			key = name + "{" + labels + ",store=databases}"
			if label, _, _ := strings.Cut(labels, "="); label > "store" {
				key = name + "{store=databases," + labels + "}"
			}
		}
		if v, ok := got[key]; !ok || v != want {
			t.Errorf("%s is %v, want %v", key, v, want)
		}
	}
	for name := range got {
		family, _, _ := strings.Cut(name, "{")
		names[family] = true
		if strings.Contains(name, "canary") {
			t.Errorf("%s names a tenant", name)
		}
	}
	for _, m := range observe.Metrics() {
		if name := m.PrometheusName(); names[name] != strings.HasPrefix(name, "tenancy_pool_") {
			t.Errorf("%s: exported %t", name, names[name])
		}
	}
}
