package filestore_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/examples/filestore"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		Open: func(tb testing.TB) tenancy.Store {
			store, err := filestore.Open(filepath.Join(tb.TempDir(), "tenants.json"))
			if err != nil {
				tb.Fatal(err)
			}
			return store
		},
	})
}

func TestTenantsSurviveReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.json")
	store, err := filestore.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	made, err := store.Create(t.Context(), tenancy.Tenant{
		Identifier: "acme", Name: "Acme", DatabaseURL: tenancy.NewSecret("postgres://acme"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	store, err = filestore.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := store.GetByIdentifier(t.Context(), "acme"); err != nil || got != made {
		t.Errorf("after reopening: %+v, %v; want %+v", got, err, made)
	}
}

// The README and docs/writing-an-adapter.md say so.
func TestSome200Lines(t *testing.T) {
	code, err := os.ReadFile("filestore.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(code, []byte("\n")); n > 220 {
		t.Errorf("filestore.go has %d lines", n)
	}
}
