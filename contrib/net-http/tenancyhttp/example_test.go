package tenancyhttp_test

import (
	"context"
	"errors"
	"expvar"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// newStore has two tenants: acme, which is active, and globex, which is suspended.
func newStore() tenancy.Store {
	store := memstore.New()
	for identifier, status := range map[string]tenancy.Status{"acme": tenancy.StatusActive, "globex": tenancy.StatusSuspended} {
		if _, err := store.Create(context.Background(), tenancy.Tenant{
			ID: "id-" + identifier, Identifier: identifier, Name: "The " + identifier + " company", Status: status,
		}); err != nil {
			panic(err)
		}
	}
	return store
}

// try sends a GET request to h, with header lines given as name and value.
func try(h http.Handler, url string, header ...string) {
	r := httptest.NewRequest(http.MethodGet, url, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
}

var hello = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "Hello, %s!", tenancy.MustFromContext(r.Context()).Name)
})

func Example() {
	store := newStore()
	defer store.Close()
	mux := http.NewServeMux()
	mux.Handle("GET /hello", hello)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "alive") })

	tenant, err := tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain("example.com"),
		tenancyhttp.WithSkipPaths("/healthz"))
	if err != nil {
		panic(err)
	}
	handler := tenant(mux)

	try(handler, "https://acme.example.com/hello")
	try(handler, "https://globex.example.com/hello")
	try(handler, "https://nobody.example.com/hello")
	try(handler, "http://10.0.0.1/healthz")
	// Output:
	// 200 Hello, The acme company!
	// 403 {"type":"urn:tenantstore:problem:tenant-suspended","title":"The tenant is suspended.","status":403,"code":"tenant-suspended"}
	//
	// 404 {"type":"urn:tenantstore:problem:tenant-not-found","title":"There is no such tenant.","status":404,"code":"tenant-not-found"}
	//
	// 200 alive
}

// A wrong argument shows when the program starts.
func ExampleNewMiddleware() {
	store := newStore()
	defer store.Close()
	_, err := tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain(".example.com"))
	fmt.Println(err, errors.Is(err, tenancy.ErrInvalid))
	// Output: tenancy: New: invalid: tenancyhttp: Subdomain: ".example.com" is not a domain in lower case, in A-labels and without dots around it true
}

// Subdomains of the product, and domains that tenants bring.
func ExampleDomain() {
	store := newStore()
	defer store.Close()
	ctx := context.Background()
	claim, err := store.AddDomain(ctx, "id-acme", "shop.acme.test")
	if err != nil {
		panic(err)
	}
	_ = claim.Token // to be found in a TXT record, which is looked for before this:
	if _, err := store.VerifyDomain(ctx, "id-acme", "shop.acme.test"); err != nil {
		panic(err)
	}
	handler := must(tenancyhttp.NewMiddleware(store, tenancyhttp.First(
		tenancyhttp.Subdomain("example.com"),
		tenancyhttp.Domain(store),
	)))(hello)
	try(handler, "https://shop.acme.test/")
	try(handler, "https://acme.example.com/")
	// Output:
	// 200 Hello, The acme company!
	// 200 Hello, The acme company!
}

func ExamplePathPrefix() {
	store := newStore()
	defer store.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "order %s; all are at %s/orders", r.PathValue("id"), tenancyhttp.PrefixFromContext(r.Context()))
	})
	handler := must(tenancyhttp.NewMiddleware(store, tenancyhttp.PathPrefix("/t/")))(mux)
	try(handler, "https://example.com/t/acme/orders/7")
	// Output: 200 order 7; all are at /t/acme/orders
}

// Inside a route, the pattern says where the tenant is.
func ExamplePathValue() {
	store := newStore()
	defer store.Close()
	tenant := must(tenancyhttp.NewMiddleware(store, tenancyhttp.PathValue("tenant")))
	mux := http.NewServeMux()
	mux.Handle("GET /tenants/{tenant}/hello", tenant(hello))
	try(mux, "https://example.com/tenants/acme/hello")
	// Output: 200 Hello, The acme company!
}

type session struct{ tenantID string }

type sessionKey struct{}

// The token says whose request it is, and the host must say the same. Here,
// authentication has put a session into the context.
func ExampleAgree() {
	store := newStore()
	defer store.Close()
	tenantOfSession := func(r *http.Request) (string, error) {
		s, ok := r.Context().Value(sessionKey{}).(session)
		if !ok {
			return "", resolve.ErrUnauthenticated
		}
		return s.tenantID, nil
	}
	authenticate := func(next http.Handler) http.Handler { // the application's own
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "Bearer valid" {
				r = r.WithContext(context.WithValue(r.Context(), sessionKey{}, session{"id-acme"}))
			}
			next.ServeHTTP(w, r)
		})
	}
	handler := authenticate(must(tenancyhttp.NewMiddleware(store, tenancyhttp.Agree(
		tenancyhttp.Claims(tenantOfSession, tenancyhttp.ByID()),
		tenancyhttp.Subdomain("example.com"),
	)))(hello))
	try(handler, "https://acme.example.com/", "Authorization", "Bearer valid")
	try(handler, "https://globex.example.com/", "Authorization", "Bearer valid")
	try(handler, "https://acme.example.com/")
	// Output:
	// 200 Hello, The acme company!
	// 403 {"type":"urn:tenantstore:problem:tenant-conflict","title":"The request names more than one tenant.","status":403,"code":"tenant-conflict"}
	//
	// 401 {"type":"urn:tenantstore:problem:unauthenticated","title":"The request has no valid credential.","status":401,"code":"unauthenticated"}
}

// Behind a load balancer in 10.0.0.0/8 that sets both headers.
func ExampleTrustedProxies() {
	store := newStore()
	defer store.Close()
	proxies := must(tenancyhttp.TrustedProxies([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		tenancyhttp.WithHostFrom("X-Forwarded-Host", 0),
		tenancyhttp.WithProxyHeaders("X-Tenant-ID")))
	handler := proxies(must(tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain("example.com")))(hello))
	try(handler, "http://app.internal/", "X-Forwarded-Host", "acme.example.com") // from another address
	// Output: 421 {"type":"urn:tenantstore:problem:host-not-served","title":"This host is not served here.","status":421,"code":"host-not-served"}
}

// A custom page for browsers.
func ExampleWithErrorHandler() {
	store := newStore()
	defer store.Close()
	handler := must(tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain("example.com"),
		tenancyhttp.WithHidden(),
		tenancyhttp.WithErrorHandler(func(w http.ResponseWriter, r *http.Request, p tenancyhttp.Problem) {
			if r.Header.Get("Accept") != "text/html" {
				p.ServeHTTP(w, r)
				return
			}
			w.WriteHeader(p.Status)
			fmt.Fprintf(w, "<h1>%s</h1>", p.Title)
		})))(hello)
	try(handler, "https://globex.example.com/", "Accept", "text/html") // which is suspended
	// Output: 404 <h1>There is no such tenant.</h1>
}

type counter struct{ expvar.Map }

func (c *counter) ObserveRequest(_ context.Context, e resolve.Event) { c.Add(string(e.Outcome), 1) }

func ExampleWithObserver() {
	store := newStore()
	defer store.Close()
	counts := &counter{}
	handler := must(tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain("example.com"), tenancyhttp.WithObserver(counts)))(hello)
	for _, tenant := range []string{"acme", "globex", "nobody"} {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "https://"+tenant+".example.com/", nil))
	}
	fmt.Println(counts)
	// Output: {"resolved": 1, "suspended": 1, "unknown": 1}
}

// An event stream ends when its tenant is suspended.
func ExampleWatcher() {
	store := newStore()
	defer store.Close()
	watcher, err := tenancyhttp.NewWatcher(store)
	if err != nil {
		panic(err)
	}
	defer watcher.Close() // before the store

	events := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := store.SetStatus(context.Background(), "id-acme", tenancy.StatusSuspended); err != nil {
			panic(err)
		}
		<-r.Context().Done()
		fmt.Fprint(w, context.Cause(r.Context()))
	})
	tenant := must(tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain("example.com")))
	mux := http.NewServeMux()
	mux.Handle("GET /events", watcher.Middleware(events))
	try(tenant(mux), "https://acme.example.com/events")
	// Output: 200 the tenant is no longer served
}

// byPort finds the tenant by the port that the client has connected to. Its name is
// the value of the label resolver in metrics.
type byPort map[string]string // port → identifier

func (b byPort) Resolve(r *http.Request) (tenancyhttp.Match, error) {
	m := tenancyhttp.Match{Match: resolve.Match{Resolver: "port"}}
	_, port, err := net.SplitHostPort(r.Host)
	if err != nil || b[port] == "" {
		return m, resolve.ErrAbsent
	}
	m.Key = tenancy.IdentifierKey(b[port])
	return m, nil
}

// A resolver of your own says what a request names, and looks nothing up.
func ExampleMatch() {
	store := newStore()
	defer store.Close()
	tenant := must(tenancyhttp.NewMiddleware(store, byPort{"8001": "acme", "8002": "globex"}))
	try(tenant(hello), "https://example.com:8001/")
	// Output: 200 Hello, The acme company!
}

// A resolver of your own that reads the path.
func ExampleIsCleanPath() {
	byRegion := tenancyhttp.Func(func(r *http.Request) (tenancy.Key, error) {
		if !tenancyhttp.IsCleanPath(r.URL) {
			return tenancy.Key{}, tenancy.ErrInvalid
		}
		if parts := strings.Split(r.URL.Path, "/"); len(parts) > 2 {
			return tenancy.IdentifierKey(parts[2]), nil // /eu/acme/orders
		}
		return tenancy.Key{}, resolve.ErrAbsent
	})
	for _, path := range []string{"/eu/acme/orders", "/eu/acme/%2e%2e/globex", "/eu/acme//evil.example", "/eu"} {
		m, err := byRegion.Resolve(httptest.NewRequest(http.MethodGet, path, nil))
		fmt.Println(path, m.Key.Value, err)
	}
	// Output:
	// /eu/acme/orders acme <nil>
	// /eu/acme/%2e%2e/globex  invalid
	// /eu/acme//evil.example  invalid
	// /eu  names no tenant
}

func ExampleError() {
	store := newStore()
	defer store.Close()
	rename := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		acme := tenancy.MustFromContext(r.Context())
		acme.Identifier = r.FormValue("to")
		if _, err := store.Update(r.Context(), acme); err != nil {
			tenancyhttp.Error(w, r, err)
		}
	})
	tenant, err := tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain("example.com"))
	if err != nil {
		panic(err)
	}
	try(tenant(rename), "http://acme.example.com/rename?to=globex")
	// Output:
	// 409 {"type":"urn:tenantstore:problem:already-exists","title":"Another tenant has this already.","status":409,"code":"already-exists","field":"identifier"}
}

// After a rename, links under the old identifier lead to the new one.
func ExampleWithRedirectFormer() {
	store := memstore.New(memstore.WithKeepFormer(90 * 24 * time.Hour))
	defer store.Close()
	ctx := context.Background()
	acme, err := store.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if err != nil {
		panic(err)
	}
	acme.Identifier = "acme-corp"
	if _, err := store.Update(ctx, acme); err != nil {
		panic(err)
	}
	handler := must(tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain("example.com"), tenancyhttp.WithRedirectFormer(store)))(hello)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://acme.example.com/orders?page=2", nil))
	fmt.Println(w.Code, w.Header().Get("Location"))
	// Output: 308 //acme-corp.example.com/orders?page=2
}

// Caddy asks before it obtains a certificate.
func ExampleAsk() {
	store := newStore()
	defer store.Close()
	ctx := context.Background()
	if _, err := store.AddDomain(ctx, "id-acme", "shop.acme.test"); err != nil {
		panic(err)
	}
	ask := must(tenancyhttp.Ask(store))
	asked := func() int {
		w := httptest.NewRecorder()
		ask.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://127.0.0.1:9000/ask?domain=shop.acme.test", nil))
		return w.Code
	}
	fmt.Println("a claim:", asked())
	if _, err := store.VerifyDomain(ctx, "id-acme", "shop.acme.test"); err != nil {
		panic(err)
	}
	fmt.Println("verified:", asked())
	// Output:
	// a claim: 404
	// verified: 200
}
