package replica_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
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

// A handler sees each tenant from the state that it knows to the newest one, in the order
// of the first change, and may take its time.
func TestOnChange(t *testing.T) {
	bubble(t, func(t *testing.T, db *database, r *replica.Store) {
		var mu sync.Mutex
		var told []string
		known := map[string]*tenancy.Tenant{}
		for old, err := range r.All() {
			if err != nil {
				t.Fatal(err)
			}
			known[old.ID] = &old
		}
		release := make(chan struct{})
		stop := r.OnChange(func(before, after *tenancy.Tenant) {
			<-release
			mu.Lock()
			defer mu.Unlock()
			var id string
			switch {
			case before == nil:
				told, id = append(told, "created "+after.Identifier), after.ID
			case after == nil:
				told, id = append(told, "removed "+before.Identifier), before.ID
			default:
				told, id = append(told, fmt.Sprintf("%s: %s to %s", after.Identifier, before.Status, after.Status)), after.ID
			}
			if k := known[id]; (k == nil) != (before == nil) || k != nil && *k != *before {
				t.Errorf("%s: the handler knew %v, and is told of %v", told[len(told)-1], k, before)
			}
			known[id] = after
		})
		acme, bolt := get(t, r, "acme"), get(t, r, "bolt")
		change := func(id string, s tenancy.Status) {
			if _, err := db.source.SetStatus(t.Context(), id, s); err != nil {
				t.Fatal(err)
			}
			later(t)
		}
		change(acme.ID, tenancy.StatusSuspended) // the handler is called, and waits
		change(bolt.ID, tenancy.StatusSuspended)
		create(t, db.source, "new")
		change(bolt.ID, tenancy.StatusDeleted)
		create(t, db.source, "short")
		later(t)
		if err := db.source.Delete(t.Context(), get(t, r, "short").ID); err != nil {
			t.Fatal(err)
		}
		if err := db.source.Delete(t.Context(), acme.ID); err != nil {
			t.Fatal(err)
		}
		later(t)
		close(release)
		synctest.Wait()
		mu.Lock()
		want := []string{"acme: active to suspended", "bolt: active to deleted", "created new", "removed acme"}
		if !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
		mu.Unlock()
		stop()
		create(t, db.source, "unheard")
		later(t)
		if len(told) != len(want) {
			t.Errorf("told %q after it was stopped", told[len(want):])
		}
	})
}
