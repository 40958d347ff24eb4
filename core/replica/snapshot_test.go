package replica_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// start returns a replica of source, which the caller closes.
func start(tb testing.TB, source tenancy.Source, opts ...replica.Option) *replica.Store {
	tb.Helper()
	opts = append([]replica.Option{replica.WithLogger(slog.New(slog.DiscardHandler)), replica.WithFollowTimeout(time.Minute)}, opts...)
	r, err := replica.New(source, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func stop(tb testing.TB, r *replica.Store) {
	tb.Helper()
	if err := r.Close(); err != nil {
		tb.Fatal(err)
	}
}

func eventually(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	for end := time.Now().Add(5 * time.Minute); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("never: %s", what)
		}
	}
}

func waitSynced(tb testing.TB, r *replica.Store) {
	tb.Helper()
	eventually(tb, "synced", func() bool { return r.State().Phase == replica.PhaseSynced })
}

func waitRestored(tb testing.TB, r *replica.Store) {
	tb.Helper()
	eventually(tb, "restored", func() bool { return r.State().Phase == replica.PhaseRestored && r.State().Serving })
}

// filled returns a database with acme, globex and some more tenants, and a file of them,
// which a replica has left.
func filled(tb testing.TB, opts ...replica.Option) (*memstore.Store, *database, replica.Option, string) {
	tb.Helper()
	store := memstore.New()
	for _, identifier := range []string{"acme", "globex", "initech", "hooli", "umbrella"} {
		create(tb, store, identifier)
	}
	db := newDatabase(store)
	path := filepath.Join(tb.TempDir(), "tenants.snap")
	file := replica.WithSnapshotFile(path, time.Hour)
	leave(tb, db, append(opts, file)...)
	return store, db, file, path
}

// leave starts a replica that leaves a file.
func leave(tb testing.TB, db *database, opts ...replica.Option) {
	tb.Helper()
	r := start(tb, db, opts...)
	waitSynced(tb, r)
	stop(tb, r)
}

func get(tb testing.TB, s tenancy.Store, identifier string) tenancy.Tenant {
	tb.Helper()
	t, err := s.GetByIdentifier(context.Background(), identifier)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// sameAs checks that a replica holds what the database does.
func sameAs(tb testing.TB, r *replica.Store, db *memstore.Store) {
	tb.Helper()
	want := db.All()
	page, err := r.List(context.Background(), tenancy.ListOptions{Limit: 1000})
	compare := func(a, b tenancy.Tenant) int { return strings.Compare(a.ID, b.ID) }
	slices.SortFunc(want, compare)
	slices.SortFunc(page.Tenants, compare)
	if err != nil || !slices.Equal(page.Tenants, want) {
		tb.Errorf("the replica holds %v, %v, want %v", page.Tenants, err, want)
	}
	for _, t := range want {
		if got, err := r.GetByIdentifier(context.Background(), t.Identifier); err != nil || got != t {
			tb.Errorf("%s: %v, %v, want %v", t.Identifier, got, err, t)
		}
	}
}

func TestAStartWithoutTheDatabaseIsServedFromTheFile(t *testing.T) {
	store, db, file, _ := filled(t)
	before := db.statements.Load()
	db.down.Store(true)
	r := start(t, db, file)
	defer stop(t, r)
	<-r.Ready()
	waitRestored(t, r)
	sameAs(t, r, store)
	if _, err := r.GetByIdentifier(t.Context(), "nobody"); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("nobody: %v, want ErrNotFound", err)
	}
	if n, err := r.Count(t.Context(), tenancy.Filter{}); n != 5 || err != nil {
		t.Errorf("Count: %d, %v", n, err)
	}
	select {
	case <-r.Synced():
		t.Error("synced without a database")
	default:
	}
	if _, err := r.SetStatus(t.Context(), get(t, r, "acme").ID, tenancy.StatusSuspended); !errors.Is(err, tenancy.ErrNotApplied) {
		t.Errorf("a write in the outage: %v, want ErrNotApplied", err)
	}
	sameAs(t, r, store) // which does not end the service
	db.down.Store(false)
	waitSynced(t, r)
	sameAs(t, r, store)
	if n, state := db.statements.Load()-before, r.State(); n > 3 || state.Scans != 0 {
		t.Errorf("%d statements, %d scans, want at most 3 and none: nothing has changed", n, state.Scans)
	}
}

func TestWhatChangedSinceTheFileIsFollowed(t *testing.T) {
	store, db, file, _ := filled(t)
	ctx := t.Context()
	acme, globex, hooli := get(t, store, "acme"), get(t, store, "globex"), get(t, store, "hooli")
	acme.Identifier = "acme-two"
	if _, err := store.Update(ctx, acme); err != nil {
		t.Fatal(err)
	}
	globex.Identifier = "acme" // somebody else has the name now
	if _, err := store.Update(ctx, globex); err != nil {
		t.Fatal(err)
	}
	if err := store.Delete(ctx, hooli.ID); err != nil {
		t.Fatal(err)
	}
	create(t, store, "hooli")
	create(t, store, "pied-piper")
	r := start(t, db, file)
	defer stop(t, r)
	waitSynced(t, r)
	sameAs(t, r, store)
	if _, err := r.GetByID(ctx, hooli.ID); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("what was deleted: %v, want ErrNotFound", err)
	}
	if _, err := r.GetByIdentifier(ctx, "globex"); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("a name that was given up: %v, want ErrNotFound", err)
	}
	if db.lists.Load() != 1 || r.State().Scans != 0 { // that of the replica that left the file
		t.Errorf("%d pages were read, want none", db.lists.Load()-1)
	}
}
