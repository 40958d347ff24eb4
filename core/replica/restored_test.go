package replica

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// deaf is a database that tells nobody of its changes: a replica notices them when it
// looks.
type deaf struct{ *memstore.Store }

func (deaf) Wait(ctx context.Context, _ tenancy.Position) error {
	<-ctx.Done()
	return ctx.Err()
}

// Whoever asks for the latest state right after a restore gets it, also if the log has gone
// back behind all that the replica can judge, and it has not looked yet.
func TestLatestRightAfterARestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deaf{memstore.New()}
		acme := must(d.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}))
		backup := d.Backup()
		_ = must(d.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended))
		r := must(New(d, WithLogger(slog.New(slog.DiscardHandler))))
		<-r.Synced()
		d.Restore(backup)
		loaded, err := r.Load(t.Context(), []tenancy.Lookup{{Key: tenancy.IDKey(acme.ID), Min: tenancy.Latest}})
		if err != nil || loaded[0].Tenant != acme {
			t.Errorf("%+v, %v, want %+v", loaded, err, acme)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}
