package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/core/memstore"
)

func TestMetricsCountWhatTheServiceDoes(t *testing.T) {
	local, err := ristrettotier.New(memstore.New())
	if err != nil {
		t.Fatal(err)
	}
	c, _ := newService(t, local)
	createAcme(t, c)
	for range 3 {
		c.call(t, "GET", "/whoami", "", "Host: acme.localhost")
	}
	c.call(t, "GET", "/whoami", "", "Host: absent.localhost")
	got := c.call(t, "GET", "/metrics", "")
	if got.status != http.StatusOK {
		t.Fatalf("status %d", got.status)
	}
	for _, line := range []string{
		`tenancy_cache_lookups_total{result="hit",store="tenants",tier="l1"} 2`,
		`tenancy_operations_total{operation="create",outcome="ok",store="tenants"} 1`,
		`tenancy_http_resolutions_total{outcome="resolved",resolver="subdomain",store="tenants"} 3`,
		`tenancy_http_resolutions_total{outcome="unknown",resolver="subdomain",store="tenants"} 1`,
		`tenancy_build_info{`, `tenancy_tenants{status="active",store="tenants"}`, `go_goroutines `,
	} {
		if !strings.Contains(got.body, "\n"+line) {
			t.Errorf("there is no line %s", line)
		}
	}
	if strings.Contains(got.body, "acme") || strings.Contains(got.body, "absent") {
		t.Error("the metrics name a tenant")
	}
}
