package replica_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
)

func TestTooManyTenants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := memstore.New()
		for i := range 5 {
			create(t, db, fmt.Sprintf("tenant-%d", i))
		}
		r := start(t, newDatabase(db), replica.WithMaxTenants(5))
		defer stop(t, r)
		<-r.Synced()
		create(t, r, "one-more")
		later(t)
		st := r.State()
		if st.Phase != replica.PhaseRefused || st.Err == nil || st.Serving || st.Tenants != 0 {
			t.Errorf("with more tenants than allowed: %+v", st)
		}
		sameAs(t, r, db)
		suspended := suspend(t, r, get(t, db, "one-more").ID)
		if got := get(t, r, "one-more"); got != suspended {
			t.Errorf("got %v", got)
		}
		if err := r.Await(t.Context(), suspended.Position()); err != nil {
			t.Error(err)
		}
		bounds, err := r.Bounds(t.Context())
		if err != nil || bounds.Newest != suspended.Position() {
			t.Errorf("Bounds: %v, %v", bounds, err)
		}
	})
}

// A replica that holds no tenants any more knows nothing of them, and does not tell that
// they are gone.
func TestTooManyTenantsAreNotGone(t *testing.T) {
	bubble(t, func(t *testing.T, db *database, r *replica.Store) {
		release := make(chan struct{})
		calls := told(r, release)
		suspend(t, db.source, get(t, db.source, "acme").ID)
		later(t)
		suspend(t, db.source, get(t, db.source, "bolt").ID)
		later(t)
		create(t, db.source, "one-too-many")
		later(t)
		if phase := r.State().Phase; phase != replica.PhaseRefused {
			t.Fatalf("phase %s, want refused", phase)
		}
		close(release)
		synctest.Wait()
		if want := []string{"changed acme"}; !slices.Equal(*calls, want) {
			t.Errorf("told %q, want %q", *calls, want)
		}
	}, replica.WithMaxTenants(2))
}
