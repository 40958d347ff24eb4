package replica_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/replica/internal/snapshot"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// verify gives the tenant a domain.
func verify(tb testing.TB, s tenancy.Store, id, domain string) {
	tb.Helper()
	_, err := s.AddDomain(tb.Context(), id, domain)
	if err == nil {
		_, err = s.VerifyDomain(tb.Context(), id, domain)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// sameNames compares how replica and database answer, and that the database is not asked.
func sameNames(tb testing.TB, r *replica.Store, db tenancy.Store, domains ...string) {
	tb.Helper()
	before := r.Stats().Below
	for _, d := range append(domains, "unknown.test") {
		got, err := r.GetByDomain(tb.Context(), d)
		want, wantErr := db.GetByDomain(tb.Context(), d)
		if got != want || errors.Is(err, tenancy.ErrNotFound) != errors.Is(wantErr, tenancy.ErrNotFound) {
			tb.Errorf("%s leads to %q, %v, want %q, %v", d, got.Identifier, err, want.Identifier, wantErr)
		}
	}
	if n := r.Stats().Below - before; n > 0 {
		tb.Errorf("%d lookups went to the database", n)
	}
}

// A process that starts without the database answers by domain and by former identifier,
// and then reads only what has changed since.
func TestNamesAreRestored(t *testing.T) {
	store := memstore.New(memstore.WithKeepFormer(time.Hour))
	acme, globex := create(t, store, "acme"), create(t, store, "globex")
	verify(t, store, acme.ID, "acme.test")
	verify(t, store, globex.ID, "globex.test")
	if _, err := tenancy.Modify(t.Context(), store, acme.ID, func(t *tenancy.Tenant) error { t.Identifier = "renamed"; return nil }); err != nil {
		t.Fatal(err)
	}
	file := replica.WithSnapshotFile(filepath.Join(t.TempDir(), "tenants.snap"), time.Hour)
	leave(t, newDatabase(store), file)

	down := make(chan struct{})
	r, err := replica.Open(func(ctx context.Context) (tenancy.Source, error) {
		select {
		case <-down:
			return store, nil
		default:
			return nil, fmt.Errorf("%w: refused", tenancy.ErrUnavailable)
		}
	}, file, replica.WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, r)
	waitRestored(t, r)
	if !tenancy.HasNames(r) {
		t.Error("a store that answers by domain says that it has no names")
	}
	sameNames(t, r, store, "acme.test", "globex.test")
	if got, err := r.FormerOwner(t.Context(), "acme"); err != nil || got.Identifier != "renamed" {
		t.Errorf("%q, %v, want the tenant that was acme", got.Identifier, err)
	}
	if _, err := store.RemoveDomain(t.Context(), acme.ID, "acme.test"); err != nil {
		t.Fatal(err)
	}
	verify(t, store, globex.ID, "acme.test")
	verify(t, store, globex.ID, "new.test")
	close(down)
	waitSynced(t, r)
	sameNames(t, r, store, "acme.test", "globex.test", "new.test")
	if n := r.State().Scans; n > 0 {
		t.Errorf("%d scans, want none", n)
	}
}

// A file that was written when the store had no names does not say that there are none.
func TestAFileWithoutNamesHasThemRead(t *testing.T) {
	store := memstore.New()
	verify(t, store, create(t, store, "acme").ID, "acme.test")
	bounds, err := store.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tenants.snap")
	h := snapshot.Header{At: bounds.Newest, Current: time.Now(), Rows: 1}
	if err := snapshot.Write(t.Context(), path, nil, h, slices.Values(store.All()), nil); err != nil {
		t.Fatal(err)
	}
	r := start(t, store, replica.WithSnapshotFile(path, time.Hour))
	defer stop(t, r)
	if got, err := r.GetByDomain(t.Context(), "acme.test"); err != nil || got.Identifier != "acme" {
		t.Errorf("%q, %v, want acme", got.Identifier, err)
	}
	waitSynced(t, r)
	sameNames(t, r, store, "acme.test")
}
