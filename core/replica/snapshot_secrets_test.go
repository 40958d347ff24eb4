package replica_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func keys(tb testing.TB) seal.Sealer {
	tb.Helper()
	k, err := seal.ParseKey("k1", seal.GenerateKey())
	if err != nil {
		tb.Fatal(err)
	}
	ring, err := seal.NewKeyring(k)
	if err != nil {
		tb.Fatal(err)
	}
	return ring
}

const secretURL = "postgres://acme:s3cret@db/acme"

// withSecret returns a database with a tenant that has a secret.
func withSecret(tb testing.TB) (*memstore.Store, *database, tenancy.Tenant) {
	tb.Helper()
	store := memstore.New()
	t, err := store.Create(context.Background(), tenancy.Tenant{Identifier: "acme", Name: "Acme", DatabaseURL: tenancy.NewSecret(secretURL)})
	if err != nil {
		tb.Fatal(err)
	}
	create(tb, store, "globex")
	return store, newDatabase(store), t
}

func TestTheFileHoldsNoPlainSecret(t *testing.T) {
	for name, sealed := range map[string]bool{"sealed": true, "without a Sealer": false} {
		t.Run(name, func(t *testing.T) {
			store, db, acme := withSecret(t)
			path := filepath.Join(t.TempDir(), "tenants.snap")
			opts := []replica.Option{replica.WithSnapshotFile(path, time.Hour)}
			if sealed {
				opts = append(opts, replica.WithSealer(keys(t)))
			}
			leave(t, db, opts...)
			if data, err := os.ReadFile(path); err != nil || bytes.Contains(data, []byte("s3cret")) {
				t.Errorf("the file shows the secret, or %v", err)
			}
			db.down.Store(true)
			r := start(t, db, opts...)
			defer stop(t, r)
			waitRestored(t, r)
			got := get(t, r, "acme")
			if sealed && got != acme || !sealed && !errors.Is(got.DatabaseURL.Err(), tenancy.ErrWithheld) {
				t.Errorf("got %v, whose secret is withheld because of %v", got, got.DatabaseURL.Err())
			}
			db.down.Store(false)
			if !sealed {
				if _, err := r.Update(t.Context(), got); !errors.Is(err, tenancy.ErrInvalid) {
					t.Errorf("Update with a withheld secret: %v, want ErrInvalid", err)
				}
			}
			waitSynced(t, r)
			sameAs(t, r, store) // with the secret
			if sealed && r.State().Scans != 0 {
				t.Error("all tenants were read, though the file has everything")
			}
		})
	}
}

func TestAReplicaWithoutSecrets(t *testing.T) {
	store, db, acme := withSecret(t)
	path := filepath.Join(t.TempDir(), "tenants.snap")
	opts := []replica.Option{replica.WithSnapshotFile(path, time.Hour), replica.WithoutSecrets()}
	leave(t, db, opts...)
	lists := db.lists.Load()
	r := start(t, db, opts...)
	defer stop(t, r)
	early, err := r.GetByID(t.Context(), acme.ID) // from below, perhaps
	if err != nil || !errors.Is(early.DatabaseURL.Err(), tenancy.ErrWithheld) {
		t.Errorf("before it is synced: %v, %v", early.DatabaseURL.Err(), err)
	}
	waitSynced(t, r)
	if db.lists.Load() != lists {
		t.Error("all tenants were read, though nothing is missing")
	}
	got := get(t, r, "acme")
	if !errors.Is(got.DatabaseURL.Err(), tenancy.ErrWithheld) || got.DatabaseURL.Reveal() == secretURL {
		t.Errorf("the secret: %v", got.DatabaseURL.Err())
	}
	if _, err := r.Update(t.Context(), got); !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("Update with a withheld secret: %v, want ErrInvalid", err)
	}
	changed, err := tenancy.Modify(t.Context(), r, acme.ID, func(t *tenancy.Tenant) error { t.Name = "Acme Inc"; return nil })
	if err != nil || changed.Name != "Acme Inc" {
		t.Errorf("Modify: %v, %v", changed, err)
	}
	if got := get(t, store, "acme"); got.DatabaseURL.Reveal() != secretURL || got.Name != "Acme Inc" {
		t.Errorf("the database has %v, want the secret unchanged", got)
	}
	if got := get(t, r, "acme"); got.Name != "Acme Inc" || !errors.Is(got.DatabaseURL.Err(), tenancy.ErrWithheld) {
		t.Errorf("after a write: %v", got)
	}
	results, err := r.CreateBatch(t.Context(), []tenancy.Tenant{{Identifier: "umbrella", Name: "U", DatabaseURL: tenancy.NewSecret(secretURL)}})
	if err != nil || results[0].Err != nil || !errors.Is(results[0].Tenant.DatabaseURL.Err(), tenancy.ErrWithheld) {
		t.Errorf("CreateBatch: %+v, %v", results, err)
	}
	if fresh, err := tenancy.Fresh(r).GetByID(t.Context(), acme.ID); err != nil || fresh.DatabaseURL.Reveal() != secretURL {
		t.Errorf("Fresh: %v, %v, want the secret", fresh.DatabaseURL.Err(), err)
	}
	for t2, err := range tenancy.All(t.Context(), r, tenancy.ListOptions{}) {
		if err != nil || t2.DatabaseURL.Reveal() == secretURL {
			t.Errorf("listed: %v, %v", t2, err)
		}
	}
}

// lagging is a source whose Load may answer from a history that is lost, as a cache below
// may which does not know it yet.
type lagging struct {
	*database
	denied atomic.Bool
}

func (l *lagging) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	found, err := l.database.Load(ctx, want)
	for i := range found {
		if l.denied.Load() && want[i].Min != tenancy.Latest {
			found[i].AsOf.Mark++
		}
	}
	return found, err
}

// Without secrets none is returned either by a lookup that had to be repeated.
func TestALookupThatIsRepeatedWithholdsTheSecret(t *testing.T) {
	store, db, acme := withSecret(t)
	const domain = "acme.example" // which a replica looks up in the source
	if _, err := store.AddDomain(t.Context(), acme.ID, domain); err != nil {
		t.Fatal(err)
	}
	if _, err := store.VerifyDomain(t.Context(), acme.ID, domain); err != nil {
		t.Fatal(err)
	}
	source := &lagging{database: db}
	r := start(t, source, replica.WithoutSecrets())
	defer stop(t, r)
	waitSynced(t, r)
	source.denied.Store(true)
	got, err := r.GetByDomain(t.Context(), domain)
	if err != nil || !errors.Is(got.DatabaseURL.Err(), tenancy.ErrWithheld) {
		t.Errorf("%v, %v, want the secret withheld", got.DatabaseURL.Err(), err)
	}
}
