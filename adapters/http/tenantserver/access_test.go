package tenantserver_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const canary = "postgres://canary:h4rmless-c4nary@db.example/canary"

// route is one path of the service, with a request that succeeds.
type route struct {
	method, path, body string
	header             []string
	writes             bool
	stream             bool
}

// routes are all of them, in an order in which all succeed over prepared.
func routes() []route {
	whatever := []string{"If-Match", "*"}
	return []route{
		{method: "GET", path: "/v1/access"},
		{method: "GET", path: "/v1/tenants"},
		{method: "GET", path: "/v1/tenants?q=acme"},
		{method: "GET", path: "/v1/tenants:count"},
		{method: "POST", path: "/v1/tenants:batchGet", body: `{"ids":["t1"]}`},
		{method: "GET", path: "/v1/tenants/t1"},
		{method: "GET", path: "/v1/by-identifier/acme"},
		{method: "GET", path: "/v1/by-domain/acme.test"},
		{method: "GET", path: "/v1/by-former/acme-old"},
		{method: "GET", path: "/v1/names"},
		{method: "GET", path: "/v1/tenants/t1/names"},
		{method: "GET", path: "/v1/bounds"},
		{method: "GET", path: "/v1/changes"},
		{method: "POST", path: "/v1/load", body: `{"lookups":[{"kind":"id","value":"t1","latest":true}]}`},
		{method: "GET", path: "/v1/snapshot"},
		{method: "GET", path: "/v1/watch", stream: true},

		{method: "POST", path: "/v1/tenants", body: `{"identifier":"two","name":"Two"}`, writes: true},
		{method: "POST", path: "/v1/tenants:batchCreate", body: `{"tenants":[{"identifier":"three","name":"Three"}]}`, writes: true},
		{method: "POST", path: "/v1/tenants:batchStatus", body: `{"ids":["t1"],"status":"active"}`, writes: true},
		{method: "PUT", path: "/v1/tenants/t1", body: `{"identifier":"acme","name":"Acme Ltd.","status":"active"}`, header: whatever, writes: true},
		{method: "PATCH", path: "/v1/tenants/t1/metadata", body: `{"plan":"gold"}`, writes: true},
		{method: "POST", path: "/v1/tenants/t1:suspend", writes: true},
		{method: "POST", path: "/v1/tenants/t1:activate", writes: true},
		{method: "POST", path: "/v1/tenants/t1:setStatus", body: `{"status":"active"}`, writes: true},
		{method: "POST", path: "/v1/tenants/t1:rename", body: `{"identifier":"acme-2"}`, writes: true},
		{method: "POST", path: "/v1/tenants/t1/domains", body: `{"domain":"www.acme.test"}`, writes: true},
		{method: "POST", path: "/v1/tenants/t1/domains/www.acme.test:verify", writes: true},
		{method: "PUT", path: "/v1/tenants/t1/primary-domain", body: `{"domain":"www.acme.test"}`, writes: true},
		{method: "DELETE", path: "/v1/tenants/t1/domains/www.acme.test", writes: true},
		{method: "DELETE", path: "/v1/tenants/t1", writes: true},
		{method: "POST", path: "/v1/tenants/t1:purge", writes: true},
	}
}

// prepared is a store with a tenant t1 that has a secret and every kind of name.
func prepared(tb testing.TB) *memstore.Store {
	tb.Helper()
	store := memstore.New(memstore.WithSoftDelete(), memstore.WithKeepFormer(1<<40))
	ctx := tb.Context()
	t, err := store.Create(ctx, tenancy.Tenant{ID: "t1", Identifier: "acme-old", Name: "Acme", DatabaseURL: tenancy.NewSecret(canary)})
	if err == nil {
		t.Identifier = "acme"
		t, err = store.Update(ctx, t)
	}
	if err == nil {
		_, err = store.AddDomain(ctx, t.ID, "acme.test")
	}
	if err == nil {
		_, err = store.VerifyDomain(ctx, t.ID, "acme.test")
	}
	if err != nil {
		tb.Fatal(err)
	}
	return store
}

// TestAccess: on every path, a request without a credential is 401, one whose credential
// does not suffice 403, and neither changes anything; a secret is shown to whoever may see
// secrets, and to nobody else.
func TestAccess(t *testing.T) {
	newest := func(store tenancy.Source) tenancy.Position {
		b, err := store.Bounds(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return b.Newest
	}
	store := prepared(t)
	s := serve(t, store, byToken)
	at := newest(store)
	for _, r := range routes() {
		name := r.method + " " + r.path
		s.want(s.do(r.method, r.path, r.body, r.header...), http.StatusUnauthorized, "unauthenticated", name+" without a token")
		for _, words := range []string{"nothing", "secrets", "read", "read secrets"} {
			if strings.HasPrefix(words, "read") && !r.writes {
				continue
			}
			a := s.do(r.method, r.path, r.body, append([]string{"Authorization", "Bearer " + words}, r.header...)...)
			s.want(a, http.StatusForbidden, "forbidden", name+" with "+words)
			if r.writes && a.member("applied") != "no" {
				t.Errorf("%s with %q: applied is %q", name, words, a.member("applied"))
			}
		}
	}
	if now := newest(store); now != at {
		t.Errorf("requests that were refused have changed something: %s, was %s", now, at)
	}
	for words, shows := range map[string]bool{"read": false, "write": false, "read secrets": true, "write secrets": true} {
		s := serve(t, prepared(t), byToken)
		shown := false
		for _, r := range routes() {
			if r.stream || r.writes && !strings.Contains(words, "write") {
				continue
			}
			a := s.do(r.method, r.path, r.body, append([]string{"Authorization", "Bearer " + words}, r.header...)...)
			if a.status >= 300 {
				t.Errorf("%s %s with %q: %d %s", r.method, r.path, words, a.status, a.body)
			}
			has := strings.Contains(a.body, "c4nary")
			shown = shown || has
			if has && !shows {
				t.Errorf("%s %s shows a secret to %q", r.method, r.path, words)
			}
			if !shows && strings.Contains(a.body, `"id":"t1"`) && strings.Contains(a.body, `"identifier"`) && !strings.Contains(a.body, `"database_url":"***"`) && !r.writes {
				t.Errorf("%s %s does not mask: %s", r.method, r.path, a.body)
			}
		}
		if shown != shows {
			t.Errorf("with %q secrets are shown: %t, want %t", words, shown, shows)
		}
	}
}

// TestCrossOrigin: a page of another origin changes nothing with the credential of a browser.
func TestCrossOrigin(t *testing.T) {
	s := serve(t, prepared(t), byToken)
	for _, r := range routes() {
		if !r.writes {
			continue
		}
		header := append([]string{"Authorization", "Bearer write", "Sec-Fetch-Site", "cross-site"}, r.header...)
		s.want(s.do(r.method, r.path, r.body, header...), http.StatusForbidden, "cross-origin", r.method+" "+r.path)
	}
}

// TestActor: a change is made by whom the credential and the request name.
func TestActor(t *testing.T) {
	store := prepared(t)
	s := serve(t, store, byToken)
	s.do("POST", "/v1/tenants/t1:suspend", "", "Authorization", "Bearer write", "Tenancy-Actor", "J%C3%BCrgen")
	b, err := store.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	changes, err := store.Changes(t.Context(), b.Oldest, 0)
	if err != nil || changes[len(changes)-1].Actor != "Jürgen" {
		t.Errorf("the actor is %q, error %v", changes[len(changes)-1].Actor, err)
	}
}

// TestMayDo: a program can ask what its credential allows.
func TestMayDo(t *testing.T) {
	s := serve(t, prepared(t), byToken)
	for words, want := range map[string]string{
		"read":          `{"read":true,"write":false,"secrets":false}`,
		"read secrets":  `{"read":true,"write":false,"secrets":true}`,
		"write":         `{"read":true,"write":true,"secrets":false}`,
		"write secrets": `{"read":true,"write":true,"secrets":true}`,
	} {
		if got := s.do("GET", "/v1/access", "", "Authorization", "Bearer "+words).body; strings.TrimSpace(got) != want {
			t.Errorf("%s: %s", words, got)
		}
	}
}
