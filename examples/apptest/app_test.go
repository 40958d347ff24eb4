package apptest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/conformance/resolvetest"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// newStore returns a store with one tenant.
func newStore(t *testing.T) (*memstore.Store, tenancy.Tenant) {
	t.Helper()
	store := memstore.New()
	metadata, err := tenancy.NewMetadata(map[string]string{"plan": "pro"})
	if err != nil {
		t.Fatal(err)
	}
	acme, err := store.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme", Metadata: metadata})
	if err != nil {
		t.Fatal(err)
	}
	return store, acme
}

func newApp(t testing.TB, store tenancy.Getter) http.Handler {
	app, err := App(store)
	if err != nil {
		t.Fatal(err)
	}
	return app
}

func get(app http.Handler, host string) *httptest.ResponseRecorder {
	response := httptest.NewRecorder()
	app.ServeHTTP(response, httptest.NewRequest(http.MethodGet, "http://"+host+"/", nil))
	return response
}

func TestPlan(t *testing.T) {
	store, acme := newStore(t)
	app := newApp(t, store)
	if got := get(app, "acme.example.com"); got.Code != http.StatusOK || got.Body.String() != `"pro"` {
		t.Errorf("got %d %q", got.Code, got.Body)
	}
	if _, err := store.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended); err != nil {
		t.Fatal(err)
	}
	if got := get(app, "acme.example.com"); got.Code != http.StatusForbidden {
		t.Errorf("suspended: got %d", got.Code)
	}
}

func TestHandlerAlone(t *testing.T) {
	ctx := tenancy.NewContext(t.Context(), tenancy.Tenant{ID: "1", Identifier: "acme", Name: "Acme"})
	response := httptest.NewRecorder()
	plan(response, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
	if response.Body.String() != `"free"` {
		t.Errorf("got %q", response.Body)
	}
}

// outage is a store that cannot be reached.
type outage struct{}

func (outage) GetByID(context.Context, string) (tenancy.Tenant, error) {
	return tenancy.Tenant{}, tenancy.ErrUnavailable
}

func (outage) GetByIdentifier(context.Context, string) (tenancy.Tenant, error) {
	return tenancy.Tenant{}, tenancy.ErrUnavailable
}

func TestOutage(t *testing.T) {
	if got := get(newApp(t, outage{}), "acme.example.com"); got.Code != http.StatusServiceUnavailable {
		t.Errorf("got %d", got.Code)
	}
}

func TestSuspensionReachesTheOtherNode(t *testing.T) {
	database, acme := newStore(t)
	var nodes [2]tenancy.Store
	for i := range nodes {
		node, err := ristrettotier.New(faults.NewSource(database, uint64(i)))
		if err != nil {
			t.Fatal(err)
		}
		defer node.Close()
		nodes[i] = node
	}
	for _, node := range nodes { // both have it in their caches
		if _, err := node.GetByID(t.Context(), acme.ID); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := nodes[0].SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended); err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); ; {
		got, err := nodes[1].GetByID(t.Context(), acme.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.Status == tenancy.StatusSuspended {
			return
		}
		if time.Since(start) > 5*time.Minute {
			t.Fatal("the other node does not see the suspension")
		}
	}
}

func TestOnSQLite(t *testing.T) {
	store, err := bunsqlite.Open(t.Context(), bunsqlite.Memory)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if got := get(newApp(t, store), "acme.example.com"); got.Code != http.StatusNotFound {
		t.Errorf("got %d", got.Code)
	}
}

func TestMiddleware(t *testing.T) {
	resolvetest.Run(t, resolvetest.Harness{
		Open: func(tb testing.TB, getter tenancy.Getter, next http.Handler) http.Handler {
			handler, err := withTenant(getter, next)
			if err != nil {
				tb.Fatal(err)
			}
			return handler
		},
		Request: func(_ testing.TB, name string) *http.Request {
			if strings.ToLower(name) != name && tenancy.ValidateIdentifier(strings.ToLower(name)) == nil {
				return nil // hosts have no case
			}
			request := httptest.NewRequest(http.MethodGet, "/", nil)
			request.Host = name + ".example.com"
			return request
		},
	})
}
