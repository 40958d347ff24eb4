package replica_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func create(tb testing.TB, s tenancy.Store, identifier string) tenancy.Tenant {
	tb.Helper()
	t, err := s.Create(context.Background(), tenancy.Tenant{Identifier: identifier, Name: identifier})
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

func suspend(tb testing.TB, s tenancy.Store, id string) tenancy.Tenant {
	tb.Helper()
	t, err := s.SetStatus(context.Background(), id, tenancy.StatusSuspended)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// bubble calls f with a replica over a database with acme and bolt, where time passes
// when all wait.
func bubble(t *testing.T, f func(t *testing.T, db *database, r *replica.Store), opts ...replica.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase(memstore.New())
		create(t, db.source, "acme")
		create(t, db.source, "bolt")
		r := start(t, db, opts...)
		defer stop(t, r)
		<-r.Synced()
		synctest.Wait()
		f(t, db, r)
	})
}

// later waits for more than the poll interval of the store.
func later(tb testing.TB) {
	tb.Helper()
	time.Sleep(2 * time.Second)
	synctest.Wait()
}

func TestSyncedReadsMakeNoStatement(t *testing.T) {
	bubble(t, func(t *testing.T, db *database, r *replica.Store) {
		ctx, acme := t.Context(), get(t, r, "acme")
		before := db.statements.Load()
		for i := range 1000 {
			if _, err := r.GetByIdentifier(ctx, fmt.Sprintf("unknown-%d", i)); !errors.Is(err, tenancy.ErrNotFound) {
				t.Fatal(err)
			}
			if found, err := r.Exists(ctx, fmt.Sprintf("unknown-%d", i)); found || err != nil {
				t.Fatal(found, err)
			}
		}
		if got, err := r.GetByIDs(ctx, []string{"unknown", acme.ID}); err != nil || len(got) != 1 || got[0] != acme {
			t.Errorf("GetByIDs: %v, %v", got, err)
		}
		if page, err := r.List(ctx, tenancy.ListOptions{}); err != nil || len(page.Tenants) != 2 {
			t.Errorf("List: %v, %v", page, err)
		}
		if n, err := r.Count(ctx, tenancy.Filter{}); err != nil || n != 2 {
			t.Errorf("Count: %d, %v", n, err)
		}
		if found, err := r.Search(ctx, "ACM", tenancy.SearchOptions{}); err != nil || len(found) != 1 || found[0] != acme {
			t.Errorf("Search: %v, %v", found, err)
		}
		if got, err := r.Load(ctx, []tenancy.Lookup{{Key: tenancy.IDKey(acme.ID), Min: acme.Revision}}); err != nil || got[0].Tenant != acme {
			t.Errorf("Load: %v, %v", got, err)
		}
		if made := db.statements.Load() - before; made != 0 {
			t.Errorf("%d statements", made)
		}
	})
}

func TestHitDoesNotAllocate(t *testing.T) {
	bubble(t, func(t *testing.T, _ *database, r *replica.Store) {
		if n := testing.AllocsPerRun(100, func() { _, _ = r.GetByIdentifier(t.Context(), "acme") }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

// A write is read by its own process when the call has returned, and costs a page of the
// log and a Load besides.
func TestWriteIsReadByItsProcess(t *testing.T) {
	bubble(t, func(t *testing.T, db *database, r *replica.Store) {
		for range 10 {
			acme := get(t, r, "acme")
			acme.Name += "!"
			before := db.statements.Load()
			updated, err := r.Update(t.Context(), acme)
			if err != nil {
				t.Fatal(err)
			}
			if got := get(t, r, "acme"); got != updated {
				t.Errorf("got revision %d, want %d", got.Revision, updated.Revision)
			}
			synctest.Wait()
			if made := db.statements.Load() - before; made > 4 {
				t.Errorf("a write made %d statements", made)
			}
		}
	})
}

func TestAwait(t *testing.T) {
	bubble(t, func(t *testing.T, db *database, r *replica.Store) {
		backup := db.source.(*memstore.Store).Backup()
		acme := suspend(t, db.source, get(t, r, "acme").ID) // on another node
		if err := r.Await(t.Context(), acme.Position()); err != nil {
			t.Fatal(err)
		}
		if got := get(t, r, "acme"); got != acme {
			t.Errorf("got revision %d, want %d", got.Revision, acme.Revision)
		}
		db.down.Store(true) // so that it does not read what is lost then
		lost := suspend(t, db.source, get(t, r, "bolt").ID)
		db.source.(*memstore.Store).Restore(backup)
		create(t, db.source, "other")
		create(t, db.source, "another")
		db.down.Store(false)
		var failed *tenancy.Error
		if err := r.Await(t.Context(), lost.Position()); !errors.Is(err, tenancy.ErrCompacted) || !errors.As(err, &failed) || failed.Op != "Await" {
			t.Errorf("a position of a lost history: %v, want ErrCompacted of Await", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		db.down.Store(true)
		ahead := tenancy.Position{Revision: 99, Mark: 1}
		if err := r.Await(ctx, ahead); !errors.Is(err, tenancy.ErrUnavailable) {
			t.Errorf("in an outage: %v, want ErrUnavailable", err)
		}
	})
}

func TestIndexAndAll(t *testing.T) {
	bubble(t, func(t *testing.T, db *database, r *replica.Store) {
		byStatus := replica.NewIndex(r, func(t tenancy.Tenant) []string { return []string{string(t.Status), "any", "any"} })
		acme := suspend(t, db.source, get(t, r, "acme").ID)
		later(t)
		for key, want := range map[string]int{"active": 1, "suspended": 1, "any": 2, "none": 0} {
			if found, err := byStatus.Find(key); err != nil || len(found) != want {
				t.Errorf("%s: %d tenants, %v, want %d", key, len(found), err, want)
			}
		}
		if err := db.source.Delete(t.Context(), acme.ID); err != nil {
			t.Fatal(err)
		}
		later(t)
		if found, err := byStatus.Find("suspended"); err != nil || len(found) != 0 {
			t.Errorf("a deleted tenant: %v, %v", found, err)
		}
		var all []tenancy.Tenant
		for t2, err := range r.All() {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, t2)
		}
		if len(all) != 1 || all[0] != get(t, r, "bolt") {
			t.Errorf("All: %v", all)
		}
		db.down.Store(true)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if _, err := byStatus.Find("any"); !errors.Is(err, tenancy.ErrUnavailable) {
			t.Errorf("after MaxStale: %v, want ErrUnavailable", err)
		}
	})
}

// unlogged is a database whose triggers are gone.
type unlogged struct{ *database }

func (u unlogged) SetStatus(ctx context.Context, id string, s tenancy.Status) (tenancy.Tenant, error) {
	t, err := u.source.GetByID(ctx, id)
	t.Status = s
	return t, err
}

func TestUnloggedWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := unlogged{newDatabase(memstore.New())}
		acme := create(t, db.source, "acme")
		r := start(t, db)
		defer stop(t, r)
		<-r.Synced()
		if _, err := r.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended); !errors.Is(err, tenancy.ErrUnavailable) {
			t.Errorf("a write that the log does not show: %v", err)
		}
		later(t)
		if st := r.State(); st.Scans != 2 || st.Phase != replica.PhaseSynced {
			t.Errorf("after a write that the log does not show: %+v", st)
		}
	})
}
