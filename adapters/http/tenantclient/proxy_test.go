package tenantclient_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"path"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/http/tenantserver"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// TestCleaningProxy: behind a proxy that decodes and cleans paths, no ID leads to another
// tenant than its own.
func TestCleaningProxy(t *testing.T) {
	source := memstore.New()
	victim, err := source.Create(t.Context(), tenancy.Tenant{ID: "victim", Identifier: "victim", Name: "V"})
	if err != nil {
		t.Fatal(err)
	}
	odd, err := source.Create(t.Context(), tenancy.Tenant{ID: "a b/ü:suspend", Identifier: "odd", Name: "O"})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := tenantserver.New(source, tenantserver.Full)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = handler.Close() }()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path, r.URL.RawPath = path.Clean(r.URL.Path), ""
		handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	store := openAt(t, server.URL)
	for _, id := range []string{"x/../victim", "./victim", "/victim", "victim/", "victim:suspend", "victim/names", ".", "..", "~victim", "victim?", "victim#", "victim%"} {
		if got, err := store.GetByID(t.Context(), id); !errors.Is(err, tenancy.ErrNotFound) {
			t.Errorf("GetByID(%q): %v, %v", id, got.ID, err)
		}
		if _, err := store.SetStatus(t.Context(), id, tenancy.StatusSuspended); !errors.Is(err, tenancy.ErrNotFound) {
			t.Errorf("SetStatus(%q): %v", id, err)
		}
		if err := store.Delete(t.Context(), id); !errors.Is(err, tenancy.ErrNotFound) {
			t.Errorf("Delete(%q): %v", id, err)
		}
	}
	if now, err := source.GetByID(t.Context(), victim.ID); err != nil || now != victim {
		t.Errorf("the tenant beside was hit: %v, %v", now, err)
	}
	if got, err := store.GetByID(t.Context(), odd.ID); err != nil || got != odd {
		t.Errorf("GetByID(%q): %v, %v", odd.ID, got, err)
	}
	if err := store.Delete(t.Context(), odd.ID); err != nil {
		t.Errorf("Delete(%q): %v", odd.ID, err)
	}
}
