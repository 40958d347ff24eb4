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
		`tenancy_cache_lookups_total{tenancy_result="hit",tenancy_store="tenants",tenancy_tier="l1"} 2`,
		`tenancy_operations_total{tenancy_operation="create",tenancy_outcome="ok",tenancy_store="tenants"} 1`,
		`tenancy_http_resolutions_total{tenancy_outcome="resolved",tenancy_resolver="subdomain",tenancy_store="tenants"} 3`,
		`tenancy_http_resolutions_total{tenancy_outcome="unknown",tenancy_resolver="subdomain",tenancy_store="tenants"} 1`,
		`tenancy_build_info{`, `tenancy_tenants{tenancy_status="active",tenancy_store="tenants"}`, `go_goroutines `,
	} {
		if !strings.Contains(got.body, "\n"+line) {
			t.Errorf("there is no line %s", line)
		}
	}
	if strings.Contains(got.body, "acme") || strings.Contains(got.body, "absent") {
		t.Error("the metrics name a tenant")
	}
}

func TestMetricsAreNotServedUnderHostsOfTenants(t *testing.T) {
	c, _ := newService(t, nil)
	createAcme(t, c)
	for _, host := range []string{"acme.localhost", "ACME.localhost.:8080", "absent.localhost", "example.com", "a_b.example.com"} {
		c.call(t, "GET", "/metrics", "", "Host: "+host).wantProblem(t, 421, "not-an-own-host", "")
	}
	c.call(t, "GET", "/metrics", "", "Host: a..b").wantProblem(t, 400, "bad-host", "")
	for _, host := range []string{"localhost:8080", "127.0.0.1", "[::1]:8080", "quickstart:8080", "my_service"} {
		if got := c.call(t, "GET", "/metrics", "", "Host: "+host); got.status != http.StatusOK {
			t.Errorf("%s: got %d %s", host, got.status, got.body)
		}
	}
}
