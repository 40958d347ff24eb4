package tenancyhttp_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// nameless returns a store that has no names.
func nameless(t testing.TB) tenancy.Store {
	t.Helper()
	return must(driver.Extend(struct{ driver.Backend }{}))
}

// remembering returns a store that keeps former identifiers, with these tenants.
func remembering(t testing.TB, identifiers ...string) *memstore.Store {
	t.Helper()
	store := memstore.New(memstore.WithKeepFormer(time.Hour))
	for _, identifier := range identifiers {
		createAs(t, store, "id-"+identifier, identifier)
	}
	return store
}

func createAs(t testing.TB, s tenancy.Store, id, identifier string) {
	t.Helper()
	if _, err := s.Create(context.Background(), tenancy.Tenant{ID: id, Identifier: identifier, Name: id}); err != nil {
		t.Fatal(err)
	}
}

func rename(t testing.TB, s tenancy.Store, id, identifier string) {
	t.Helper()
	if _, err := tenancy.Modify(context.Background(), s, id, func(t *tenancy.Tenant) error { t.Identifier = identifier; return nil }); err != nil {
		t.Fatal(err)
	}
}

func verify(t testing.TB, s tenancy.Store, id, domain string) {
	t.Helper()
	ctx := context.Background()
	_, err := s.AddDomain(ctx, id, domain)
	if err == nil {
		_, err = s.VerifyDomain(ctx, id, domain)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// exchange serves one request without a network.
func exchange(h http.Handler, method, host, target string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.Host = host
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestRedirectFormer(t *testing.T) {
	store := remembering(t, "acme", "late", "globex")
	defer store.Close()
	rename(t, store, "id-acme", "acme-corp")
	rename(t, store, "id-late", "later")
	if _, err := store.SetStatus(t.Context(), "id-late", tenancy.StatusSuspended); err != nil {
		t.Fatal(err)
	}
	moved := tenancyhttp.WithRedirectFormer(store)
	subdomain := must(tenancyhttp.NewMiddleware(store, tenancyhttp.First(tenancyhttp.Subdomain("example.com"), tenancyhttp.Domain(store)), moved, silent))(whoami)
	path := must(tenancyhttp.NewMiddleware(store, tenancyhttp.PathPrefix("/t/"), moved, silent))(whoami)
	agree := must(tenancyhttp.NewMiddleware(store, tenancyhttp.Agree(tenancyhttp.Header("X-Tenant"), tenancyhttp.Subdomain("example.com")), moved, silent))(whoami)
	for _, row := range []struct {
		h                    http.Handler
		method, host, target string
		status               int
		location             string
	}{
		{subdomain, "GET", "acme.example.com", "/a/b?c=d&e", 308, "//acme-corp.example.com/a/b?c=d&e"},
		{subdomain, "POST", "ACME.Example.com.:8443", "/a%2Fb?", 308, "//acme-corp.Example.com.:8443/a%2Fb?"},
		{subdomain, "GET", "acme.example.com", "//evil.test/%0d%0aSet-Cookie:x", 308, "//acme-corp.example.com//evil.test/%0d%0aSet-Cookie:x"},
		{subdomain, "OPTIONS", "acme.example.com", "*", 404, ""},
		{subdomain, "GET", "acme-corp.example.com", "/", 200, ""},
		{subdomain, "GET", "late.example.com", "/", 404, ""}, // whose tenant is not served
		{subdomain, "GET", "nobody.example.com", "/", 404, ""},
		{subdomain, "GET", "acme.test", "/", 404, ""},
		{path, "PUT", "h", "/t/acme/a/b?c=/t/acme", 308, "/t/acme-corp/a/b?c=/t/acme"},
		{path, "GET", "h", "/t/acme", 308, "/t/acme-corp"},
		{path, "GET", "h", "/t/acme/%C3%BC/", 308, "/t/acme-corp/%C3%BC/"},
		{path, "GET", "h", "/t/acme//evil.test", 400, ""},
		{path, "GET", "h", "/t/late/", 404, ""},
		{agree, "GET", "acme.example.com", "/", 404, ""}, // which names a tenant in two ways, or might
	} {
		got := exchange(row.h, row.method, row.host, row.target)
		if got.Code != row.status || got.Header().Get("Location") != row.location {
			t.Errorf("%s %s %s: got %d to %q, want %d to %q", row.method, row.host, row.target, got.Code, got.Header().Get("Location"), row.status, row.location)
		}
		if cached := got.Header().Get("Cache-Control"); got.Code != 200 && cached != "no-store" {
			t.Errorf("%s %s: Cache-Control %q", row.host, row.target, cached)
		}
	}

	// Taken by another tenant, the identifier is that one's.
	createAs(t, store, "id-new", "acme")
	if got := exchange(subdomain, "GET", "acme.example.com", "/"); got.Code != 200 {
		t.Errorf("the new owner of the identifier: %d", got.Code)
	}
}

// downNames cannot answer about names.
type downNames struct{ *memstore.Store }

func (downNames) FormerOwner(context.Context, string) (t tenancy.Tenant, err error) {
	return t, errors.New("any")
}

func (downNames) NamesOf(context.Context, string) ([]tenancy.Name, error) {
	return nil, tenancy.ErrUnavailable
}

func (downNames) GetByDomain(context.Context, string) (t tenancy.Tenant, err error) {
	return t, errors.New("any")
}

func TestNamesAreDown(t *testing.T) {
	store := remembering(t, "acme")
	defer store.Close()
	down := downNames{store}
	h := must(tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain("example.com"), tenancyhttp.WithRedirectFormer(down), silent))(whoami)
	get(t, serve(t, h), "/", "Host: nobody.example.com").wantProblem(t, 503, "unavailable") // it may be a former one

	h = must(tenancyhttp.RedirectToPrimary(down, silent))(whoami)
	h = must(tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain("example.com"), silent))(h)
	get(t, serve(t, h), "/", "Host: acme.example.com").wantTenant(t, "acme")
}

// After any chain of renames, deletions and creations, whoever follows redirects arrives at
// the tenant that had the name last, at once, or nowhere.
func TestRedirectsDoNotLoop(t *testing.T) {
	store := remembering(t)
	defer store.Close()
	h := must(tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain("example.com"), tenancyhttp.WithRedirectFormer(store), silent))(whoami)
	rng := rand.New(rand.NewPCG(14, 0))
	slugs := []string{"aaa", "bbb", "ccc", "ddd"}
	had := map[string]string{} // the ID of who had it last
	redirects := 0
	for step := range 2000 {
		id, slug := fmt.Sprintf("id-%d", rng.IntN(3)), slugs[rng.IntN(len(slugs))]
		old, err := store.GetByID(t.Context(), id)
		_, taken := store.GetByIdentifier(t.Context(), slug)
		switch {
		case err == nil && rng.IntN(4) == 0:
			if err := store.Delete(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		case taken == nil:
		case err == nil:
			rename(t, store, id, slug)
			had[old.Identifier], had[slug] = id, id
		default:
			createAs(t, store, id, slug)
			had[slug] = id
		}
		for _, start := range slugs {
			host := start + ".example.com"
			got := exchange(h, "GET", host, "/x")
			if got.Code == http.StatusPermanentRedirect {
				redirects++
				u, err := url.Parse(got.Header().Get("Location"))
				if err != nil || u.Host == host || u.Path != "/x" {
					t.Fatalf("step %d: %s leads to %q", step, host, got.Header().Get("Location"))
				}
				arrived, err := store.GetByIdentifier(t.Context(), strings.TrimSuffix(u.Host, ".example.com"))
				if err != nil || arrived.ID != had[start] {
					t.Fatalf("step %d: %s leads to %q, who is %q, %v; %q had it", step, host, u.Host, arrived.ID, err, had[start])
				}
				got = exchange(h, "GET", u.Host, "/x")
				if got.Code != http.StatusOK {
					t.Fatalf("step %d: %s leads to %s, which answers %d", step, host, u.Host, got.Code)
				}
			}
		}
	}
	if redirects < 100 {
		t.Errorf("%d redirects were seen: the test shows little", redirects)
	}
}

func TestRedirectToPrimary(t *testing.T) {
	store := remembering(t, "acme", "globex")
	defer store.Close()
	counted := &countingNames{Store: store}
	h := must(tenancyhttp.RedirectToPrimary(counted, tenancyhttp.WithSkipPaths("/.well-known/"), silent))(whoami)
	h = must(tenancyhttp.NewMiddleware(store, tenancyhttp.First(tenancyhttp.Subdomain("example.com"), tenancyhttp.Domain(store)), silent))(h)
	check := func(host, target, location string) {
		t.Helper()
		got := exchange(h, "POST", host, target)
		if got.Header().Get("Location") != location || got.Code != map[bool]int{true: 200, false: 308}[location == ""] {
			t.Errorf("%s%s: got %d to %q, want %q", host, target, got.Code, got.Header().Get("Location"), location)
		}
	}
	verify(t, store, "id-acme", "a.test")
	verify(t, store, "id-acme", "b.test")
	check("acme.example.com", "/x?y", "")
	primary := func(domain string) {
		t.Helper()
		if _, err := store.SetPrimaryDomain(t.Context(), "id-acme", domain); err != nil {
			t.Fatal(err)
		}
	}
	primary("a.test")
	check("acme.example.com:8443", "/x?y", "//a.test:8443/x?y")
	check("b.test", "//evil.test/", "//a.test//evil.test/")
	check("A.test.", "/x", "")
	check("b.test", "/.well-known/acme-challenge/x", "")
	check("globex.example.com", "/", "")
	before := counted.asked
	for range 10 {
		check("b.test", "/", "//a.test/")
	}
	if counted.asked != before {
		t.Errorf("NamesOf was called %d times for a tenant that was not written", counted.asked-before)
	}
	primary("b.test")
	check("a.test", "/", "//b.test/")
	check("b.test", "/", "")
	primary("")
	check("a.test", "/", "")
	for _, names := range []tenancy.Names{nil, nameless(t)} {
		if _, err := tenancyhttp.RedirectToPrimary(names); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("RedirectToPrimary(%T): %v", names, err)
		}
	}
}

type countingNames struct {
	*memstore.Store
	asked int
}

func (c *countingNames) NamesOf(ctx context.Context, id string) ([]tenancy.Name, error) {
	c.asked++
	return c.Store.NamesOf(ctx, id)
}

// A redirect leads to the host or the path of that tenant, whatever the request is like.
func FuzzRedirect(f *testing.F) {
	for _, target := range []string{"/", "/a?b", "//evil.test", "/\\evil.test", "/%2f%2fevil.test", "/a%0d%0ab", "/?\xff\"<>", "/#x", "http://evil.test/x", "/ü"} {
		f.Add("acme.example.com", target)
		f.Add("acme.example.com:80", "/t/acme"+target)
	}
	f.Add("acme.example.com:80@evil.test", "/")
	f.Add("acme.example.com/x", "/")
	store := remembering(f, "acme")
	rename(f, store, "id-acme", "acme-corp")
	handlers := map[string]http.Handler{}
	for prefix, resolver := range map[string]tenancyhttp.Resolver{
		"//acme-corp.": tenancyhttp.Subdomain("example.com"), "/t/acme-corp": tenancyhttp.PathPrefix("/t/"),
	} {
		handlers[prefix] = must(tenancyhttp.NewMiddleware(store, resolver, tenancyhttp.WithRedirectFormer(store), silent))(whoami)
	}
	f.Fuzz(func(t *testing.T, host, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return // net/http answers 400
		}
		for prefix, h := range handlers {
			own := *u
			w := httptest.NewRecorder()
			h.ServeHTTP(w, &http.Request{Method: http.MethodGet, URL: &own, Host: host, Header: http.Header{}})
			to := w.Header().Get("Location")
			if w.Code != http.StatusPermanentRedirect {
				continue
			}
			got, err := url.Parse(to)
			if err != nil || !strings.HasPrefix(to, prefix) || strings.ContainsFunc(to, func(r rune) bool { return r <= ' ' || r >= 0x7f }) || got.User != nil {
				t.Fatalf("%q %q leads to %q, %v", host, target, to, err)
			}
			if prefix[:2] == "//" && strings.TrimSuffix(strings.ToLower(got.Hostname()), ".") != "acme-corp.example.com" || prefix[:2] != "//" && got.Host != "" {
				t.Fatalf("%q %q leads to the host %q", host, target, got.Host)
			}
			if got.Path != strings.Replace(u.Path, "/t/acme", prefix, 1) && prefix[:2] != "//" || prefix[:2] == "//" && got.Path != u.Path {
				t.Fatalf("%q %q leads to the path %q", host, target, got.Path)
			}
		}
	})
}
