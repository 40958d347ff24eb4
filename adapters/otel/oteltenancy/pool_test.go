package oteltenancy_test

import (
	"context"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/go-tenancy/tenantstore/adapters/otel/oteltenancy"
	"github.com/go-tenancy/tenantstore/core/tenantpool"
)

// idlePool has one resource.
type idlePool struct{}

func (idlePool) State() tenantpool.State { return tenantpool.State{Max: 7, Idle: 1, Opened: 3} }

func TestPoolObserver(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	o, err := oteltenancy.NewPoolObserver(idlePool{},
		oteltenancy.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))), oteltenancy.WithName("databases"))
	if err != nil {
		t.Fatal(err)
	}
	collect := func() map[string]float64 {
		var data metricdata.ResourceMetrics
		if err := reader.Collect(context.Background(), &data); err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, scope := range data.ScopeMetrics {
			for _, m := range scope.Metrics {
				sum, ok := m.Data.(metricdata.Sum[float64])
				if !ok {
					t.Errorf("%s is a %T", m.Name, m.Data)
				}
				for _, p := range sum.DataPoints {
					if store, _ := p.Attributes.Value("tenancy.store"); store.AsString() != "databases" {
						t.Errorf("%s is of %q", m.Name, store.AsString())
					}
					got[m.Name] += p.Value
				}
			}
		}
		return got
	}
	got := collect()
	if got["tenancy.pool.limit"] != 7 || got["tenancy.pool.resources"] != 1 || got["tenancy.pool.opens"] != 3 || len(got) != 7 {
		t.Errorf("%v", got)
	}
	for range 2 {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := collect(); len(got) > 0 {
		t.Errorf("after Close: %v", got)
	}
}
