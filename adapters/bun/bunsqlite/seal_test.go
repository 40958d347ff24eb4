package bunsqlite_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func keyring(tb testing.TB, first seal.Key, others ...seal.Key) bunsqlite.Option {
	tb.Helper()
	keys, err := seal.NewKeyring(first, others...)
	if err != nil {
		tb.Fatal(err)
	}
	return bunsqlite.WithStore(bunstore.WithSealer(keys))
}

func key(tb testing.TB, id string) seal.Key {
	tb.Helper()
	k, err := seal.ParseKey(id, seal.GenerateKey())
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func TestDatabaseURLIsSealedInItsColumn(t *testing.T) {
	const canary = "postgres://acme:canary@db/acme"
	path := filepath.Join(t.TempDir(), "tenants.db")
	oldKey, newKey := key(t, "2025"), key(t, "2026")
	raw := func(where string) string {
		return sqlite3(t, path, "SELECT group_concat(database_url, ' ') FROM tenants WHERE "+where)
	}
	get := func(s *bunstore.Store, identifier string) string {
		t.Helper()
		got, err := s.GetByIdentifier(t.Context(), identifier)
		if err != nil {
			t.Fatal(err)
		}
		return got.DatabaseURL.Reveal()
	}
	secret := func(identifier string) tenancy.Tenant {
		return tenancy.Tenant{Identifier: identifier, Name: identifier, DatabaseURL: tenancy.NewSecret(canary)}
	}

	plain := open(t, path)
	if _, err := plain.Create(t.Context(), secret("before")); err != nil {
		t.Fatal(err)
	}
	create(t, plain, "without")

	s := open(t, path, keyring(t, oldKey))
	made, err := s.Create(t.Context(), secret("created"))
	if err != nil || made.DatabaseURL.Reveal() != canary {
		t.Fatalf("Create: %v, %v", made.DatabaseURL.Reveal(), err)
	}
	made.Name = "renamed"
	if updated, err := s.Update(t.Context(), made); err != nil || updated.DatabaseURL.Reveal() != canary {
		t.Fatalf("Update: %v, %v", updated.DatabaseURL.Reveal(), err)
	}
	results, err := s.CreateBatch(t.Context(), []tenancy.Tenant{secret("batch-1"), secret("batch-2")})
	if err != nil || results[1].Err != nil || results[1].Tenant.DatabaseURL.Reveal() != canary {
		t.Fatalf("CreateBatch: %+v, %v", results, err)
	}
	if got := raw("identifier NOT IN ('before', 'without')"); strings.Contains(got, "canary") || strings.Count(got, "sealed:1:2025:") != 3 {
		t.Errorf("the column holds %q, want three sealed texts", got)
	}
	if got := raw("identifier = 'without'"); strings.TrimSpace(got) != "" {
		t.Errorf("a tenant without a DatabaseURL has %q", got)
	}
	for _, identifier := range []string{"before", "created", "batch-2"} {
		if got := get(s, identifier); got != canary {
			t.Errorf("%s: %q", identifier, got)
		}
	}

	// Rotation.
	rotated := open(t, path, keyring(t, newKey, oldKey))
	if n, err := rotated.Reseal(t.Context()); n != 4 || err != nil {
		t.Errorf("Reseal = %d, %v; want 4", n, err)
	}
	if n, err := rotated.Reseal(t.Context()); n != 0 || err != nil {
		t.Errorf("Reseal again = %d, %v; want 0", n, err)
	}
	if got := raw("TRUE"); strings.Contains(got, "canary") || strings.Count(got, "sealed:1:2026:") != 4 {
		t.Errorf("after Reseal the column holds %q", got)
	}
	after := open(t, path, keyring(t, newKey))
	for _, identifier := range []string{"before", "created", "batch-1"} {
		if got := get(after, identifier); got != canary {
			t.Errorf("after the rotation, %s: %q", identifier, got)
		}
	}

	// A sealed text belongs to its tenant.
	sqlite3(t, path, "UPDATE tenants SET database_url = (SELECT database_url FROM tenants WHERE identifier = 'created') WHERE identifier = 'without'")
	if got, err := after.GetByIdentifier(t.Context(), "without"); err != nil || !errors.Is(got.DatabaseURL.Err(), tenancy.ErrWithheld) {
		t.Errorf("a text moved to another tenant: %v, %v, want ErrWithheld", got.DatabaseURL.Err(), err)
	}
	if n, err := plain.Reseal(t.Context()); n != 0 || !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("Reseal without a sealer = %d, %v; want ErrInvalid", n, err)
	}
}
