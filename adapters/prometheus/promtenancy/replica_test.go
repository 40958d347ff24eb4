package promtenancy_test

import (
	"log/slog"
	"testing"

	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// A replica has series of its own, and those of the log and the bus.
func TestReplica(t *testing.T) {
	r, err := replica.New(memstore.New(), replica.WithLogger(slog.New(slog.DiscardHandler)), replica.WithBus(faults.NewHub().Open()))
	if err != nil {
		t.Fatal(err)
	}
	f := &full{Store: closing(t, wrap(t, r))}
	<-r.Synced()
	for range 2 {
		if _, err := f.GetByIdentifier(t.Context(), "nobody"); err == nil {
			t.Error("there is a tenant")
		}
	}
	acme, err := f.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.GetByIdentifier(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	f.is(t, map[string]float64{
		"tenancy_replica_phase{phase=synced}": 1, "tenancy_replica_phase{phase=starting}": 0, "tenancy_replica_phase{phase=refused}": 0,
		"tenancy_replica_tenants{}": 1, "tenancy_replica_scans_total{}": 1, "tenancy_replica_snapshot_timestamp_seconds{}": 0,
		"tenancy_replica_lookups_total{result=hit}": 1, "tenancy_replica_lookups_total{result=negative}": 2, "tenancy_replica_lookups_total{result=source}": 0,
		"tenancy_log_serving{}": 1, "tenancy_log_revision{}": float64(acme.Revision), "tenancy_invalidations_total{source=change}": 1,
		"tenancy_bus_messages_total{direction=sent,outcome=ok}": 1,
	})
}
