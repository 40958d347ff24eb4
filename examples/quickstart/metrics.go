package main

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/go-tenancy/tenantstore/adapters/prometheus/promtenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// tenantCounts is how often tenants are counted for the metrics.
const tenantCounts = time.Minute

// metrics is what GET /metrics answers with: the store with every tier, the
// requests, and the process.
type metrics struct {
	requests *promtenancy.HTTPObserver
	registry *prometheus.Registry
}

// observed returns store with metrics.
func observed(store tenancy.Store) (*promtenancy.Store, *metrics, error) {
	s, err := promtenancy.Wrap(store, promtenancy.WithTenantCounts(tenantCounts))
	if err != nil {
		return nil, nil, err
	}
	requests, err := promtenancy.NewHTTPObserver()
	if err != nil {
		return nil, nil, err
	}
	m := &metrics{requests: requests, registry: prometheus.NewRegistry()}
	m.registry.MustRegister(s, m.requests,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return s, m, nil
}

// handler answers GET /metrics. No metric names a tenant.
func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
