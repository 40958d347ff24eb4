package replica_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// told registers a handler, which waits until release is closed, and returns what it is
// told of.
func told(r *replica.Store, release chan struct{}) *[]string {
	calls := &[]string{}
	r.OnChange(func(before, after *tenancy.Tenant) {
		<-release
		switch {
		case before == nil:
			*calls = append(*calls, "created "+after.Identifier)
		case after == nil:
			*calls = append(*calls, "removed "+before.Identifier)
		default:
			*calls = append(*calls, "changed "+after.Identifier)
		}
	})
	return calls
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

// A handler that is there before the replica is synced is shown every tenant, also those
// that the snapshot file had.
func TestAHandlerBeforeTheReplicaIsSyncedIsShownEveryTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		var want []string
		for i := range 5 {
			want = append(want, "created "+create(t, store, fmt.Sprintf("tenant-%d", i)).Identifier)
		}
		db := newDatabase(store)
		file := replica.WithSnapshotFile(filepath.Join(t.TempDir(), "tenants.snap"), time.Hour)
		leave(t, db, file)
		db.down.Store(true)
		r := start(t, db, file)
		defer stop(t, r)
		synctest.Wait()
		if phase := r.State().Phase; phase != replica.PhaseRestored {
			t.Fatalf("phase %s, want restored", phase)
		}
		release := make(chan struct{})
		close(release)
		calls := told(r, release)
		db.down.Store(false)
		<-r.Synced()
		synctest.Wait()
		slices.Sort(*calls)
		if !slices.Equal(*calls, want) {
			t.Errorf("told %q, want %q", *calls, want)
		}
	})
}

// A handler is told of changes in their order, also of those that were read together.
func TestHandlersAreToldInTheOrderOfTheLog(t *testing.T) {
	bubble(t, func(t *testing.T, db *database, r *replica.Store) {
		release := make(chan struct{})
		close(release)
		calls := told(r, release)
		db.down.Store(true)
		var want []string
		for i := range 20 {
			want = append(want, "created "+create(t, db.source, fmt.Sprintf("tenant-%d", i)).Identifier)
		}
		acme := get(t, db.source, "acme")
		if err := db.source.Delete(t.Context(), acme.ID); err != nil {
			t.Fatal(err)
		}
		suspend(t, db.source, get(t, db.source, "bolt").ID)
		want = append(want, "removed acme", "changed bolt")
		db.down.Store(false)
		later(t)
		if !slices.Equal(*calls, want) {
			t.Errorf("told %q, want %q", *calls, want)
		}
	})
}
