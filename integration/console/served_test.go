//go:build unix

package console_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/http/tenantconsole"
	"github.com/go-tenancy/tenantstore/adapters/http/tenantserver"
	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// canary is the secret of every tenant that has one.
const canary = "postgres://app:canary-8c1f@db.internal/tenant"

// databases are where stores are, that several processes open.
var databases = map[string]func(t *testing.T) string{
	"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "tenants.db") },
	"postgres": func(t *testing.T) string { return servers.NewDatabase(t) },
}

func openAt(t *testing.T, where string) tenancy.Source {
	t.Helper()
	store, err := open(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func inMemory(t *testing.T) tenancy.Source {
	t.Helper()
	store := memstore.New()
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// serve serves the store with the console, and returns the origin.
func serve(t *testing.T, store tenancy.Source, authorize tenantserver.Authorizer, opts ...tenantconsole.Option) string {
	t.Helper()
	handler, stop := mounted(t, store, authorize, opts...)
	return listen(t, handler, stop)
}

// listen serves handler, and calls stop when the test ends.
func listen(t *testing.T, handler http.Handler, stop func()) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(func() { stop(); server.CloseClientConnections(); server.Close() })
	return server.URL
}

func mounted(t *testing.T, store tenancy.Source, authorize tenantserver.Authorizer, opts ...tenantconsole.Option) (_ *http.ServeMux, stop func()) {
	t.Helper()
	api, err := tenantserver.New(store, authorize, tenantserver.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	page, err := tenantconsole.Handler(opts...)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/v1/", api)
	mux.Handle("/", page)
	return mux, func() { _ = api.Close() }
}

// create creates a tenant whose ID is its identifier in capitals.
func create(t *testing.T, store tenancy.Store, identifier, name, object string) tenancy.Tenant {
	t.Helper()
	created, err := store.Create(tenancy.WithActor(t.Context(), "the test"), tenancy.Tenant{
		ID: "ID " + identifier, Identifier: identifier, Name: name, Status: tenancy.StatusActive, Metadata: metadata(t, object),
		Isolation: tenancy.IsolationDatabase, DatabaseURL: tenancy.NewSecret(canary),
	})
	if err != nil {
		t.Fatal(err)
	}
	return created
}

func metadata(t *testing.T, object string) tenancy.Metadata {
	t.Helper()
	m, err := tenancy.ParseMetadata([]byte(object))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func createMany(t *testing.T, store tenancy.Store, n int) {
	t.Helper()
	for from := 0; from < n; from += 1000 {
		var batch []tenancy.Tenant
		for i := from; i < min(n, from+1000); i++ {
			batch = append(batch, tenancy.Tenant{Identifier: fmt.Sprintf("tenant-%06d", i), Name: fmt.Sprintf("Tenant number %d", i), Status: tenancy.StatusActive})
		}
		results, err := store.CreateBatch(t.Context(), batch)
		if err != nil || results[0].Err != nil {
			t.Fatal(err, results[0].Err)
		}
	}
}

// answerState answers as tenancyhttp.Debug does, but with the same figures always.
func answerState(w http.ResponseWriter, _ *http.Request) {
	_ = json.NewEncoder(w).Encode(tenancyhttp.DebugState{
		Position: tenancy.Position{Revision: 12, Mark: 0xab}, Serving: true, LastContact: time.Now(), Lag: 1.5,
		Caches:   &tier.Stats{Local: tier.CacheStats{Hits: 5, Negatives: 1, Misses: 2}, Shared: tier.CacheStats{Fills: 1}},
		Replicas: []tenancyhttp.DebugReplica{{Phase: replica.PhaseSynced, Serving: true, Tenants: 1234}},
	})
}
