package main

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

func TestTiersShowsWhatTheCachesDo(t *testing.T) {
	store, err := ristrettotier.New(memstore.New())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err := store.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	c, _ := newService(t, store)
	for range 3 {
		if a := c.call(t, "GET", "/whoami", "", "Host: acme.localhost"); a.status != 200 {
			t.Fatalf("whoami: %+v", a)
		}
	}
	a := c.call(t, "GET", "/admin/tiers", "")
	var stats tier.Stats
	if err := json.Unmarshal([]byte(a.body), &stats); err != nil || a.status != 200 {
		t.Fatalf("%+v: %v", a, err)
	}
	if stats.Local.Hits != 2 || stats.Local.Misses != 1 || stats.Shared != (tier.CacheStats{}) || strings.Contains(a.body, "shared") {
		t.Errorf("tiers = %s, want a local cache alone, with 2 hits and 1 miss", a.body)
	}
}

func TestUnreachableValkeyStopsNothing(t *testing.T) {
	cfg := config{path: filepath.Join(t.TempDir(), "tenants.db"), valkey: "127.0.0.1:1"}
	store, err := openStore(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	made, err := store.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := store.GetByIdentifier(t.Context(), "acme"); err != nil || got != made {
		t.Errorf("got %+v, %v", got, err)
	}
}

// With -replica, all tenants are held in memory, and the service shows the phase.
func TestReplica(t *testing.T) {
	cfg := config{path: filepath.Join(t.TempDir(), "tenants.db"), replica: true}
	store, err := openStore(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	r, ok := store.(*replica.Store)
	if !ok {
		t.Fatalf("the store is a %T", store)
	}
	<-r.Synced()
	if _, err := store.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	c, _ := newService(t, store)
	if a := c.call(t, "GET", "/whoami", "", "Host: acme.localhost"); a.status != 200 {
		t.Fatalf("whoami: %+v", a)
	}
	var state struct {
		Phase   replica.Phase
		Tenants int
	}
	a := c.call(t, "GET", "/admin/replica", "")
	if err := json.Unmarshal([]byte(a.body), &state); err != nil || state.Phase != replica.PhaseSynced || state.Tenants != 1 {
		t.Errorf("%+v: %v", a, err)
	}
	if r.Stats().Below != 0 {
		t.Errorf("%d reads went to the database", r.Stats().Below)
	}
}

// With -snapshot, a service starts and is ready while the database is down, and serves what
// the one before has left.
func TestSnapshotServesWithoutTheDatabase(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	dir := t.TempDir()
	cfg := config{path: filepath.Join(dir, "tenants.db"), replica: true, file: filepath.Join(dir, "tenants.snap")}
	store, err := openStore(t.Context(), cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.dsn = "postgres://nobody@127.0.0.1:1/none?sslmode=disable" // where nothing listens
	store, err = openStore(t.Context(), cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	c, _ := newService(t, store)
	if a := c.call(t, "GET", "/whoami", "", "Host: acme.localhost"); a.status != 200 {
		t.Errorf("whoami: %+v", a)
	}
	if a := c.call(t, "GET", "/readyz", ""); a.status != 200 {
		t.Errorf("readyz: %+v", a)
	}
	if a := c.call(t, "POST", "/admin/tenants", `{"identifier":"other","name":"Other"}`); a.status != 503 {
		t.Errorf("a write: %+v, want 503", a)
	}
	if err := importOnce(t.Context(), store, log); err != nil {
		t.Errorf("the start asks whether the store is empty: %v", err)
	}
}

func TestInstancesShareValkey(t *testing.T) {
	addr := os.Getenv("TENANTSTORE_VALKEY")
	if addr == "" {
		if os.Getenv("CI") != "" || os.Getenv("TENANTSTORE_REQUIRE_SERVERS") != "" {
			t.Fatal("TENANTSTORE_VALKEY is not set")
		}
		t.Skip("needs Valkey: run make test, or set TENANTSTORE_VALKEY to host:port")
	}
	cfg := config{path: filepath.Join(t.TempDir(), "tenants.db"), valkey: addr}
	var stores [2]tenancy.Store
	for i := range stores {
		store, err := openStore(t.Context(), cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		stores[i] = store
	}
	identifier := "quickstart-" + tenancy.NewID()[24:]
	made, err := stores[0].Create(t.Context(), tenancy.Tenant{Identifier: "a" + identifier, Name: "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	get := func() tenancy.Tenant {
		got, err := stores[1].GetByID(t.Context(), made.ID)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	get()
	if _, err := stores[0].SetStatus(t.Context(), made.ID, tenancy.StatusSuspended); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); get().Status != tenancy.StatusSuspended; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the other instance does not see the suspension")
		}
	}
}

// What the store has to say goes where the service logs, by whatever part of the stack.
func TestStoreLogsWhereTheServiceDoes(t *testing.T) {
	log := &logBuffer{}
	debug := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	store, err := openStore(t.Context(), config{path: filepath.Join(t.TempDir(), "tenants.db")}, debug)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err := store.Count(t.Context(), tenancy.Filter{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "SELECT") {
		t.Errorf("no statement in the log:\n%s", log)
	}
}
