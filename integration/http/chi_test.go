package http_test

import (
	"net/http"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// With chi the middleware goes where every middleware goes.
func TestChi(t *testing.T) {
	store := newStore(t)
	r := chi.NewRouter()
	r.Use(middleware.Recoverer)
	r.Use(must(tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain("example.com"), silent,
		tenancyhttp.WithSkipPaths("/healthz", "/static/"))))
	r.Get("/healthz", whoami)
	r.Get("/static/*", whoami)
	r.Get("/orders/{id}", whoami)
	r.Get("/*", whoami)
	for target, want := range map[string]string{
		"https://acme.example.com/orders/7":    "200 acme /orders/7",
		"https://nobody.example.com/orders/7":  "404",
		"https://late.example.com/orders/7":    "403",
		"https://example.com/orders/7":         "400",
		"http://10.0.0.1/healthz":              "200  /healthz",
		"http://10.0.0.1/static/a/b":           "200  /static/a/b",
		"http://10.0.0.1/healthz/":             "400",
		"http://10.0.0.1/static/../orders/7":   "400", // chi would route it by /static/*
		"http://10.0.0.1/static/%2e%2e/orders": "400",
		"http://10.0.0.1/orders/../healthz":    "400",
	} {
		if got := ask(r, target); got != want {
			t.Errorf("%s: got %s, want %s", target, got, want)
		}
	}
}

// Inside a route of chi, its parameters are path values.
func TestChiRouteParameter(t *testing.T) {
	tenant := must(tenancyhttp.NewMiddleware(newStore(t), tenancyhttp.PathValue("tenant"), silent))
	r := chi.NewRouter()
	r.Route("/tenants/{tenant}", func(r chi.Router) {
		r.With(tenant).Get("/orders/{id}", whoami)
	})
	for target, want := range map[string]string{
		"https://h/tenants/acme/orders/7":       "200 acme /tenants/acme/orders/7",
		"https://h/tenants/late/orders/7":       "403",
		"https://h/tenants/acme%2Fx/orders/7":   "400",
		"https://h/tenants/%61cme%00/orders/7":  "400",
		"https://h/tenants/%61cme/orders/7":     "400", // as with ServeMux
		"https://h/tenants/acme/orders/%61":     "400",
		"https://h/tenants/ACME/orders/7":       "400",
		"https://h/tenants/nobody-else/orders/": "404",
	} {
		if got := ask(r, target); got != want {
			t.Errorf("%s: got %s, want %s", target, got, want)
		}
	}
}

// chi cleans no path: behind a wildcard, anything may follow the tenant. What it
// leaves in percent-encoding is the same ID as with ServeMux.
func TestChiWildcard(t *testing.T) {
	store := newStore(t)
	if _, err := store.Create(t.Context(), tenancy.Tenant{ID: "org 7|x", Identifier: "odd-one", Name: "Odd"}); err != nil {
		t.Fatal(err)
	}
	viaChi, viaMux := chi.NewRouter(), http.NewServeMux()
	byName := must(tenancyhttp.NewMiddleware(store, tenancyhttp.PathValue("tenant"), silent))(whoami)
	byID := must(tenancyhttp.NewMiddleware(store, tenancyhttp.PathValue("id", tenancyhttp.ByID()), silent))(whoami)
	viaChi.Handle("/files/{tenant}/*", byName)
	viaChi.Handle("/ids/{id}/*", byID)
	viaMux.Handle("/files/{tenant}/{rest...}", byName)
	viaMux.Handle("/ids/{id}/{rest...}", byID)
	for target, want := range map[string]string{
		"/files/acme/x%2Fy":                "200 acme /files/acme/x%2Fy",
		"/files/acme/../globex/secret":     "400",
		"/files/acme/./x":                  "400",
		"/files/acme//x":                   "400",
		"/files/acme/%2e%2e/globex/secret": "400",
		"/files/acme/..%2fglobex/secret":   "400",
		"/files/acme/..%5cglobex/secret":   "400",
		"/files/acme/..;/globex/secret":    "400",
		"/files/acme/%252e%252e/globex":    "400",
		"/files/%61cme/x":                  "400",
		"/ids/org%207%7Cx/y":               "200 odd-one /ids/org%207%7Cx/y",
		"/ids/org%207%7cx/a%2Fb":           "200 odd-one /ids/org%207%7cx/a%2Fb",
		"/ids/id-acme%2Fy/x":               "404",
		"/ids/id%2Dacme/x":                 "400",
		"/ids/org%25207%257Cx/a%2Fb":       "400",
	} {
		for name, h := range map[string]http.Handler{"chi": viaChi, "ServeMux": viaMux} {
			got := ask(h, "https://h"+target)
			if name == "ServeMux" && got == "301" || got == "307" {
				continue // to the clean path
			}
			if got != want {
				t.Errorf("%s: %s: got %s, want %s", name, target, got, want)
			}
		}
	}
}

// A whole router of chi below a path of the tenant.
func TestChiBelowPathPrefix(t *testing.T) {
	r := chi.NewRouter()
	r.Get("/orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(chi.URLParam(r, "id") + " "))
		whoami(w, r)
	})
	h := must(tenancyhttp.NewMiddleware(newStore(t), tenancyhttp.PathPrefix("/t/"), silent))(r)
	for target, want := range map[string]string{
		"https://h/t/acme/orders/7":           "200 7 acme /orders/7",
		"https://h/t/acme/orders/a%2Fb":       "200 a%2Fb acme /orders/a%2Fb",
		"https://h/t/acme/../late/orders/7":   "400",
		"https://h/t/acme/%2e%2e/orders/7":    "400",
		"https://h/t/acme/orders/..%2Forders": "400",
	} {
		if got := ask(h, target); got != want {
			t.Errorf("%s: got %s, want %s", target, got, want)
		}
	}
}
