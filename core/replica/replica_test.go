package replica_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

func TestOutageEndsWithMaxStale(t *testing.T) {
	bubble(t, func(t *testing.T, db *database, r *replica.Store) {
		db.down.Store(true)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		get(t, r, "acme")
		if st := r.State(); st.Phase != replica.PhaseInterrupted || st.Err == nil || !st.Serving {
			t.Errorf("in the outage: %+v", st)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if _, err := r.GetByIdentifier(t.Context(), "acme"); !errors.Is(err, tenancy.ErrUnavailable) {
			t.Errorf("after MaxStale: %v, want ErrUnavailable", err)
		}
		if _, err := r.GetByIdentifier(t.Context(), "unknown"); !errors.Is(err, tenancy.ErrUnavailable) {
			t.Errorf("unknown after MaxStale: %v, want ErrUnavailable", err)
		}
		db.down.Store(false)
		acme := suspend(t, db.source, ""+get(t, db.source, "acme").ID)
		later(t)
		if got := get(t, r, "acme"); got != acme || r.State().Phase != replica.PhaseSynced || r.State().Err != nil {
			t.Errorf("after the outage: %v, %+v", got, r.State())
		}
	}, replica.WithMaxStale(time.Minute))
}

// A first scan that fails is tried again until it does not; reads go to the source
// meanwhile, and fail as that does.
func TestStartInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase(memstore.New())
		acme := create(t, db.source, "acme")
		db.down.Store(true)
		r := start(t, db)
		defer stop(t, r)
		later(t)
		if _, err := r.GetByID(t.Context(), acme.ID); !errors.Is(err, tenancy.ErrUnavailable) {
			t.Errorf("in the outage: %v", err)
		}
		if st := r.State(); st.Phase != replica.PhaseStarting || st.Err == nil {
			t.Errorf("in the outage: %+v", st)
		}
		db.down.Store(false)
		db.noLists.Store(true)
		later(t)
		if got, err := r.GetByID(t.Context(), acme.ID); err != nil || got != acme || r.State().Phase != replica.PhaseStarting {
			t.Errorf("before the scan: %v, %v", got, err)
		}
		db.noLists.Store(false)
		later(t)
		<-r.Synced()
		if got := get(t, r, "acme"); got != acme {
			t.Errorf("got %v", got)
		}
	})
}

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
		lost := suspend(t, db.source, get(t, r, "bolt").ID)
		db.source.(*memstore.Store).Restore(backup)
		create(t, db.source, "other")
		create(t, db.source, "another")
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

func TestBadArguments(t *testing.T) {
	for name, opt := range map[string]replica.Option{
		"nil": nil, "tenants": replica.WithMaxTenants(0), "many tenants": replica.WithMaxTenants(math.MaxInt),
		"stale": replica.WithMaxStale(0), "timeout": replica.WithFollowTimeout(0),
		"bus": replica.WithBus(nil), "absent bus": replica.WithBus((*closable)(nil)),
	} {
		if _, err := replica.New(memstore.New(), opt); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
	if _, err := replica.New(nil); !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("no source: %v, want ErrInvalid", err)
	}
	if _, err := replica.New(tenancy.Decorator{Next: struct{ tenancy.Store }{memstore.New()}}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a source that leads nowhere: %v, want ErrUnsupported", err)
	}
}

// A function that is nil is noticed where it is passed, and not by the goroutine that
// calls it.
func TestFunctionsThatAreNil(t *testing.T) {
	bubble(t, func(t *testing.T, _ *database, r *replica.Store) {
		for what, pass := range map[string]func(){
			"NewIndex": func() { replica.NewIndex(r, nil) },
			"OnChange": func() { r.OnChange(nil) },
		} {
			func() {
				defer func() {
					if message, ok := recover().(string); !ok || !strings.HasPrefix(message, "replica: ") {
						t.Errorf("%s panics with %q, want what is wrong", what, message)
					}
				}()
				pass()
			}()
		}
	})
}

// closable is a bus that counts how often it is closed.
type closable struct{ closed atomic.Int64 }

func (c *closable) Publish(context.Context, tenancy.Position) error { return nil }
func (c *closable) Subscribe(_ context.Context, wake func(tenancy.Position)) {
	wake(tenancy.Position{})
}
func (c *closable) Close() error {
	if c.closed.Add(1) > 1 {
		return errors.New("closed already")
	}
	return nil
}

func TestCloseClosesTheBusOnce(t *testing.T) {
	bus := &closable{}
	r := start(t, memstore.New(), replica.WithBus(bus))
	stop(t, r)
	stop(t, r)
	if n := bus.closed.Load(); n != 1 {
		t.Errorf("closed %d times", n)
	}
}
