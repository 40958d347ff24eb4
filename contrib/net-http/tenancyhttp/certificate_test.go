package tenancyhttp_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Who may have a certificate: nobody by default.
func TestCertificates(t *testing.T) {
	store := remembering(t, "acme", "late")
	defer store.Close()
	verify(t, store, "id-acme", "shop.test")
	verify(t, store, "id-late", "late.test")
	if _, err := store.AddDomain(t.Context(), "id-acme", "claim.test"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.SetStatus(t.Context(), "id-late", tenancy.StatusSuspended); err != nil {
		t.Fatal(err)
	}
	policy, ask := must(tenancyhttp.HostPolicy(store)), must(tenancyhttp.Ask(store))
	lenient := must(tenancyhttp.Ask(store, tenancyhttp.WithServed(tenancy.StatusActive, tenancy.StatusSuspended)))
	for host, status := range map[string]int{
		"shop.test": 200, "SHOP.test": 200,
		"late.test": 404, "claim.test": 404, "nobody.test": 404, "www.shop.test": 404, "test.": 400, "shop.test.": 400,
		"": 400, "localhost": 400, "127.0.0.1": 400, "[::1]": 400, "*.shop.test": 400, "shop.test:443": 400, "shop.test/x": 400, "\u212ahop.test": 400, "shop.test\x00": 400,
	} {
		err := policy(t.Context(), host)
		if (err == nil) != (status == 200) {
			t.Errorf("HostPolicy of %q: %v", host, err)
		}
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if got := exchange(ask, method, "ask", "/ask?domain="+url.QueryEscape(host)); got.Code != status {
				t.Errorf("%s %q: %d, want %d", method, host, got.Code, status)
			}
		}
	}
	for target, status := range map[string]int{
		"/": 400, "/?domain=shop.test&domain=shop.test": 400, "/?domain=%zz": 400, "/?domain=shop.test;x": 400, "/?Domain=shop.test": 400, "/?domain=shop.test&x=y": 200,
	} {
		if got := exchange(ask, http.MethodGet, "ask", target); got.Code != status {
			t.Errorf("%s: %d, want %d", target, got.Code, status)
		}
	}
	if got := exchange(ask, http.MethodPost, "ask", "/?domain=shop.test"); got.Code != 405 {
		t.Errorf("POST: %d", got.Code)
	}
	if got := exchange(lenient, http.MethodGet, "ask", "/?domain=late.test"); got.Code != 200 {
		t.Errorf("with suspended tenants served: %d", got.Code)
	}
}

// What cannot be found out is no permission.
func TestCertificatesInAnOutage(t *testing.T) {
	store := memstore.New()
	down := downNames{store}
	if err := must(tenancyhttp.HostPolicy(down))(t.Context(), "shop.test"); !errors.Is(err, tenancy.ErrUnavailable) {
		t.Errorf("HostPolicy: %v", err)
	}
	if got := exchange(must(tenancyhttp.Ask(down)), http.MethodGet, "ask", "/?domain=shop.test"); got.Code != 503 || got.Header().Get("Retry-After") == "" {
		t.Errorf("Ask: %d", got.Code)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := must(tenancyhttp.HostPolicy(store))(t.Context(), "shop.test"); !errors.Is(err, tenancy.ErrClosed) {
		t.Errorf("HostPolicy of a closed store: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := must(tenancyhttp.HostPolicy(remembering(t)))(ended, "shop.test"); !errors.Is(err, context.Canceled) {
		t.Errorf("HostPolicy of an ended context: %v", err)
	}
	for _, getter := range []tenancy.DomainGetter{nil, nameless(t), owners(nil)} {
		_, policyErr := tenancyhttp.HostPolicy(getter)
		_, askErr := tenancyhttp.Ask(getter)
		if !errors.Is(policyErr, tenancy.ErrInvalid) || !errors.Is(askErr, tenancy.ErrInvalid) {
			t.Errorf("a store without names: %v, %v", policyErr, askErr)
		}
	}
	if _, err := tenancyhttp.Ask(remembering(t), tenancyhttp.WithServed()); !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("a wrong option: %v", err)
	}
}

// Whatever is asked, only the one verified domain gets a certificate.
func FuzzAsk(f *testing.F) {
	for _, query := range []string{
		"domain=shop.test", "domain=SHOP.test", "domain=shop.test.", "domain=shop%2Etest", "domain=shop.test&domain=x", "domain=x.shop.test", "domain=shop.test%00",
		"domain=", "", "domain=claim.test", "domain=\u212a.test", "domain=shop.test;domain=shop.test", "&&domain=shop.test", "domain=shop.test#", "domain=+shop.test",
	} {
		f.Add(query)
	}
	store := remembering(f, "acme")
	verify(f, store, "id-acme", "shop.test")
	ask := must(tenancyhttp.Ask(store))
	f.Fuzz(func(t *testing.T, query string) {
		w := httptest.NewRecorder()
		ask.ServeHTTP(w, &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/", RawQuery: query}, Header: http.Header{}})
		values, err := url.ParseQuery(query)
		want := err == nil && len(values["domain"]) == 1 && strings.ToLower(values.Get("domain")) == "shop.test"
		if (w.Code == http.StatusOK) != want || w.Code == http.StatusServiceUnavailable {
			t.Fatalf("%q: %d, want permission %t", query, w.Code, want)
		}
	})
}
