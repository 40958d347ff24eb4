package bunpg_test

import (
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestDatabaseURLIsSealedInItsColumn(t *testing.T) {
	const canary = "postgres://acme:canary@db/acme"
	k, err := seal.ParseKey("2026", seal.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.NewKeyring(k)
	if err != nil {
		t.Fatal(err)
	}
	secret := func(identifier string) tenancy.Tenant {
		return tenancy.Tenant{Identifier: identifier, Name: identifier, DatabaseURL: tenancy.NewSecret(canary)}
	}
	dsn := newDatabase(t)
	if _, err := open(t, dsn).Create(t.Context(), secret("before")); err != nil {
		t.Fatal(err)
	}
	s := open(t, dsn, bunpg.WithStore(bunstore.WithSealer(keys)))
	made, err := s.Create(t.Context(), secret("created"))
	if err != nil || made.DatabaseURL.Reveal() != canary {
		t.Fatalf("Create: %v, %v", made.DatabaseURL.Reveal(), err)
	}
	made.Identifier = "renamed"
	if updated, err := s.Update(t.Context(), made); err != nil || updated.DatabaseURL.Reveal() != canary {
		t.Fatalf("Update: %v, %v", updated.DatabaseURL.Reveal(), err)
	}
	results, err := s.CreateBatch(t.Context(), []tenancy.Tenant{secret("batch-1"), secret("batch-2")})
	if err != nil || results[1].Err != nil || results[1].Tenant.DatabaseURL.Reveal() != canary {
		t.Fatalf("CreateBatch: %+v, %v", results, err)
	}
	if n, err := s.Reseal(t.Context()); n != 1 || err != nil {
		t.Errorf("Reseal = %d, %v; want 1, the one from before", n, err)
	}
	var stored string
	err = connect(t, dsn).QueryRow(t.Context(), "SELECT string_agg(database_url, ' ') FROM tenants").Scan(&stored)
	if err != nil || strings.Contains(stored, "canary") || strings.Count(stored, "sealed:1:2026:") != 4 {
		t.Errorf("the column holds %q (%v), want four sealed texts", stored, err)
	}
	for _, identifier := range []string{"before", "renamed", "batch-2"} {
		if got, err := s.GetByIdentifier(t.Context(), identifier); err != nil || got.DatabaseURL.Reveal() != canary {
			t.Errorf("%s: %q, %v", identifier, got.DatabaseURL.Reveal(), err)
		}
	}
}
