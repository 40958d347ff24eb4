package tenancyhttp_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// A node says where it is, and shows no tenant.
func TestDebug(t *testing.T) {
	primary := memstore.New()
	acme, err := primary.Create(t.Context(), tenancy.Tenant{
		ID: "a-1", Identifier: "canary", Name: "Canary Inc.", DatabaseURL: tenancy.NewSecret("postgres://canary"), SchemaName: "canary",
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := replica.New(primary, replica.WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	<-r.Synced()
	seen, err := observe.Wrap(r, observe.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer seen.Close()
	stack, err := tier.New(r, tier.Local(faults.NewLocal()), tier.WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer stack.Close()
	if _, err := stack.GetByID(t.Context(), "a-1"); err != nil { // it has followed the log before it answers
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		store    tenancy.Store
		replicas int
		metrics  bool
	}{
		"store":    {primary, 0, false},
		"replica":  {r, 1, false},
		"observed": {seen, 1, true},
		"caches":   {stack, 1, false},
	} {
		get := func(method, query string) (*httptest.ResponseRecorder, tenancyhttp.DebugState) {
			t.Helper()
			h, err := tenancyhttp.Debug(c.store)
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(method, "/debug/tenancy?"+query, nil))
			var state tenancyhttp.DebugState
			if err := json.Unmarshal(w.Body.Bytes(), &state); w.Code == http.StatusOK && err != nil {
				t.Fatal(err)
			}
			return w, state
		}
		w, state := get(http.MethodGet, url.Values{"tenant": {"a-1", "none"}}.Encode())
		at, none := state.Tenants["a-1"], state.Tenants["none"]
		if w.Code != http.StatusOK || state.Position != acme.Position() || len(state.Replicas) != c.replicas || (len(state.Metrics) > 0) != c.metrics || at == nil || *at != acme.Position() || none != nil || len(state.Tenants) != 2 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if (state.Caches != nil) != (name == "caches") || state.Serving != (c.replicas > 0) {
			t.Errorf("%s: caches %v, serving %v", name, state.Caches, state.Serving)
		}
		if strings.Contains(strings.ToLower(w.Body.String()), "canary") || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: shows a tenant, or may be stored: %s", name, w.Body)
		}
		if w, state := get(http.MethodGet, ""); w.Code != http.StatusOK || state.Tenants != nil {
			t.Errorf("%s without tenants: %s", name, w.Body)
		}
		if w, _ := get(http.MethodPost, ""); w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: POST: %d", name, w.Code)
		}
		if w, _ := get(http.MethodGet, strings.Repeat("tenant=x&", tenancyhttp.MaxDebugTenants+1)); w.Code != http.StatusBadRequest {
			t.Errorf("%s: too many: %d", name, w.Code)
		}
	}
	if _, err := tenancyhttp.Debug(nil); !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("nil: %v", err)
	}
	if err := primary.Close(); err != nil {
		t.Fatal(err)
	}
	h, err := tenancyhttp.Debug(primary)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("an outage: %d", w.Code)
	}
}
