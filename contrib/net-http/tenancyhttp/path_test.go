package tenancyhttp_test

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// rest answers with the tenant and what is left of the path.
var rest = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	t, _ := tenancy.FromContext(r.Context())
	_, _ = fmt.Fprintf(w, "%s %s|%s|%s|%s", t.Identifier, tenancyhttp.PrefixFromContext(r.Context()), r.URL.Path, r.URL.RawPath, r.URL.RawQuery)
})

func TestPathPrefix(t *testing.T) {
	for prefix, rows := range map[string]map[string]struct {
		target string
		status int
		want   string
	}{
		"/t/": {
			"a path below":              {"/t/acme/orders/7?q=1", 200, "acme /t/acme|/orders/7||q=1"},
			"a slash at the end":        {"/t/acme/", 200, "acme /t/acme|/||"},
			"nothing below":             {"/t/acme", 200, "acme /t/acme|/||"},
			"an encoded slash below":    {"/t/acme/a%2Fb", 200, "acme /t/acme|/a/b|/a%2Fb|"},
			"an encoded letter below":   {"/t/acme/%C3%BC", 200, "acme /t/acme|/ü||"},
			"absolute form":             {"http://other/t/acme/x", 200, "acme /t/acme|/x||"},
			"elsewhere":                 {"/x/acme", 400, "tenant-missing"},
			"the prefix is a segment":   {"/tx/acme", 400, "tenant-missing"},
			"no segment":                {"/t", 400, "tenant-missing"},
			"an empty segment":          {"/t/", 400, "tenant-missing"},
			"case counts":               {"/T/acme", 400, "tenant-missing"},
			"capital letter":            {"/t/ACME/x", 400, "tenant-malformed"},
			"encoded slash in tenant":   {"/t/acme%2Fevil/x", 400, "tenant-malformed"},
			"encoded tenant":            {"/t/%61cme/x", 400, "tenant-malformed"},
			"NUL":                       {"/t/acme%00/x", 400, "tenant-malformed"},
			"NUL below":                 {"/t/acme/%00", 400, "tenant-malformed"},
			"dots":                      {"/t/../acme/x", 400, "tenant-malformed"},
			"dots below":                {"/t/acme/../globex/x", 400, "tenant-malformed"},
			"encoded dots below":        {"/t/acme/%2e%2e/globex/x", 400, "tenant-malformed"},
			"half-encoded dots below":   {"/t/acme/.%2E/globex/x", 400, "tenant-malformed"},
			"dots and an encoded slash": {"/t/acme/..%2Fglobex", 400, "tenant-malformed"},
			"one dot":                   {"/t/./acme/x", 400, "tenant-malformed"},
			"two slashes first":         {"//t/acme/x", 400, "tenant-malformed"},
			"two slashes":               {"/t//acme/x", 400, "tenant-malformed"},
			"two slashes below":         {"/t/acme//x", 400, "tenant-malformed"},
			"parameter":                 {"/t/acme;a=b/x", 400, "tenant-malformed"},
			"parameters below":          {"/t/acme/x;a=b/y", 200, "acme /t/acme|/x;a=b/y||"},
			"a prefix with an encoding": {"/t%2Facme/x", 400, "tenant-malformed"},
			"prefix in an encoding":     {"/%74/acme/x", 400, "tenant-malformed"},
			"absolute form, unclean":    {"http://other/t/acme/%2e%2e/x", 400, "tenant-malformed"},
			"absolute form, no path":    {"http://other", 400, "tenant-missing"},
			"asterisk":                  {"*", 400, "tenant-missing"},
			"unknown":                   {"/t/nobody/x", 404, "tenant-not-found"},
			"suspended":                 {"/t/late/x", 403, "tenant-suspended"},
		},
		"/": {
			"a path below": {"/acme/orders", 200, "acme /acme|/orders||"},
			"nothing":      {"/", 400, "tenant-missing"},
			"a file":       {"/favicon.ico", 400, "tenant-malformed"},
		},
	} {
		address := serve(t, must(tenancyhttp.NewMiddleware(people, tenancyhttp.PathPrefix(prefix), silent))(rest))
		for name, row := range rows {
			t.Run(prefix+" "+name, func(t *testing.T) {
				got := get(t, address, row.target, "Host: example.com")
				if row.status != http.StatusOK {
					got.wantProblem(t, row.status, row.want)
				} else if got.status != http.StatusOK || got.body != row.want {
					t.Errorf("got %d %q, want %q", got.status, got.body, row.want)
				}
			})
		}
	}
}

// unclean is what no path may have behind a tenant: a router, a file server, a
// proxy or a browser reads another path in it. net/http itself refuses some.
var unclean = []string{
	"/../globex/x", "/./x", "//x", "/x//y", "/..", "/x/../../globex",
	"/%2e%2e/globex/x", "/.%2e/globex", "/%2E%2E/globex", "/%2e/x", "/..%2fglobex", "/..%2Fglobex", "/x%2f..%2f..%2fglobex", "/x%2f%2e%2e",
	"/%2fevil.example", "/%2f%2fevil.example", "/x%2f%2fy", "/x/%2f", "/x%2f/y",
	"/%252e%252e/globex", "/..%252fglobex", "/%25252e%25252e/globex", "/%252fevil.example", "/x%2500",
	`/..\globex`, `/\evil.example`, `/x\..\..\globex`, `/x\\y`, "/..%5cglobex", "/..%5Cglobex", "/%5cevil.example", "/%2e%2e%5cglobex", "/x%5c..%5c..%5cglobex", "/x%5c%2fy",
	"/..;/globex", "/..;a=b/globex", "/.;/x", "/;/x", "/;a=b/x", "/x/;", "/..%3b/globex", "/%2e%2e;/globex", "/%2e%2e%3Ba/globex", `/..;\globex`,
	"/%00", "/x%00.txt", "/..%00/globex", "/x%0d%0aX-Injected:1", "/%09/evil.example", "/x%7f",
	"/%c0%ae%c0%ae/globex", "/..%c0%afglobex", "/%e0%80%ae%e0%80%ae/globex", "/x%ff", "/%ed%a0%80",
	"/%6frders", "/x%2dy", "/a%2Eb", "/x%5Fy", "/%7A",
}

// clean is what a path may have behind a tenant, and what a file server reads in it.
var clean = map[string]string{
	"": "", "/": "/", "/x": "/x", "/x/": "/x/", "/x/y.z": "/x/y.z", "/a%20b": "/a b", "/%C3%BC": "/\u00fc", "/x/%E2%82%AC": "/x/\u20ac",
	"/a%2Fb": "/a/b", "/a%5Cb": `/a\b`, "/100%25": "/100%", "/100%25/x": "/100%/x", "/a;b=c": "/a;b=c", "/...": "/...", "/..x": "/..x", "/.well-known/x": "/.well-known/x",
	"/%7Eu": "/~u", "/~u": "/~u", "/a+b": "/a+b", "/a%3Ab": "/a:b", "/a:b@c": "/a:b@c", "/a|b": "/a|b", "/[a]": "/[a]", "/a%3Fb%23": "/a?b#", "/x?next=//..": "/x",
}

func TestUncleanPaths(t *testing.T) {
	claims := tenancyhttp.Claims(func(*http.Request) (string, error) { return "acme", nil })
	inside := http.NewServeMux()
	inside.Handle("/{tenant}", must(tenancyhttp.NewMiddleware(people, tenancyhttp.PathValue("tenant"), silent))(rest))
	inside.Handle("/{tenant}/{rest...}", must(tenancyhttp.NewMiddleware(people, tenancyhttp.Agree(claims, tenancyhttp.PathValue("tenant")), silent))(rest))
	inside.Handle("/ids/{id}/{rest...}", must(tenancyhttp.NewMiddleware(people, tenancyhttp.PathValue("id", tenancyhttp.ByID()), silent))(rest))
	for name, by := range map[string]struct {
		handler http.Handler
		before  string // the tenant
		left    bool   // the tenant stays in the path
	}{
		"prefix":                {must(tenancyhttp.NewMiddleware(people, tenancyhttp.PathPrefix("/"), silent))(rest), "/acme", false},
		"longer prefix":         {must(tenancyhttp.NewMiddleware(people, tenancyhttp.PathPrefix("/a/t/"), silent))(rest), "/a/t/acme", false},
		"value of ServeMux":     {inside, "/acme", true},
		"value of ServeMux, ID": {inside, "/ids/id-acme", true},
	} {
		t.Run(name, func(t *testing.T) {
			address := serve(t, by.handler)
			for _, behind := range unclean {
				got := get(t, address, by.before+behind, "Host: h")
				if by.left && got.status == http.StatusMovedPermanently || got.status == http.StatusTemporaryRedirect {
					continue // ServeMux has cleaned it: no handler is asked
				}
				got.wantProblem(t, http.StatusBadRequest, "tenant-malformed")
				if t.Failed() {
					t.Fatalf("%s is not refused", behind)
				}
			}
			for behind, path := range clean {
				want := cmp.Or(path, "/")
				if by.left {
					want = by.before + path
					if path == "" && strings.HasPrefix(by.before, "/ids") {
						continue // another route
					}
				}
				got := get(t, address, by.before+behind, "Host: h")
				if parts := strings.Split(got.body, "|"); got.status != http.StatusOK || len(parts) < 2 || !slices.Contains([]string{parts[1], strings.Join(parts[1:3], "|")}, want) {
					t.Errorf("%s: got %d %s, want the path %q", behind, got.status, got.body, want)
				}
			}
		})
	}
}

// A user of acme gets no file of globex, from a file server or through a reverse
// proxy, with the middleware in either of them.
func TestPathValueAroundFiles(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"acme/own.txt", "acme/deep/own.txt", "globex/secret.txt"} {
		name = filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(filepath.Base(name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	claims := tenancyhttp.Claims(func(*http.Request) (string, error) { return "acme", nil })
	files := http.StripPrefix("/files", http.FileServer(http.Dir(root)))
	backend := &url.URL{Scheme: "http", Host: serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own := *r.URL // as servers do that clean what they were sent
		own.Path, own.RawPath = path.Clean(strings.ReplaceAll(r.URL.Path, `\`, "/")), ""
		r.URL = &own
		files.ServeHTTP(w, r)
	}))}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(backend) }}
	for name, next := range map[string]http.Handler{"files": files, "proxy": proxy} {
		t.Run(name, func(t *testing.T) {
			mux := http.NewServeMux()
			mux.Handle("/files/{tenant}/{rest...}", must(tenancyhttp.NewMiddleware(people, tenancyhttp.Agree(claims, tenancyhttp.PathValue("tenant")), silent))(next))
			address := serve(t, mux)
			for _, target := range []string{"/files/acme/own.txt", "/files/acme/deep/own.txt", "/files/acme/deep%2Fown.txt"} {
				if got := get(t, address, target, "Host: h"); got.status != http.StatusOK || got.body != "own.txt" {
					t.Errorf("%s: got %d %s", target, got.status, got.body)
				}
			}
			for _, target := range []string{
				"/files/globex/secret.txt", "/files/acme/../globex/secret.txt", "/files/acme/%2e%2e/globex/secret.txt", "/files/acme/..%2fglobex/secret.txt",
				"/files/acme/deep%2f..%2f..%2fglobex/secret.txt", `/files/acme/..\globex\secret.txt`, "/files/acme/..%5cglobex%5csecret.txt", "/files/acme/%2e%2e%2fglobex%2fsecret.txt",
			} {
				if got := get(t, address, target, "Host: h"); got.status == http.StatusOK || strings.Contains(got.body, "secret.txt") && got.status/100 != 3 {
					t.Errorf("%s: got %d %s", target, got.status, got.body)
				}
				// ServeMux cleans no path of CONNECT.
				if got := raw(t, address, "CONNECT "+target+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"); got.status < 400 {
					t.Errorf("CONNECT %s: got %d %s", target, got.status, got.body)
				}
			}
		})
	}
}

// What outer handlers made of the URL counts, if it is of one path.
func TestPathsOfOuterHandlers(t *testing.T) {
	for name, u := range map[string]*url.URL{
		"RawPath of another path": {Path: "/t/acme/x", RawPath: "/t/globex/x"},
		"RawPath cannot be read":  {Path: "/t/acme/x", RawPath: "/t/acme/%zz"},
		"not rooted":              {Path: "t/acme/x"},
		"encoded once more":       {Path: "/t/%61cme/x"},
		"dots":                    {Path: "/t/acme/../globex"},
		"dots in RawPath alone":   {Path: "/t/acme/x", RawPath: "/t/acme/../acme/x"},
	} {
		r := &http.Request{Method: http.MethodGet, URL: u}
		r.SetPathValue("tenant", "acme")
		for _, resolver := range []tenancyhttp.Resolver{tenancyhttp.PathPrefix("/t/"), tenancyhttp.PathValue("tenant")} {
			if m, err := resolver.Resolve(r); !errors.Is(err, tenancy.ErrInvalid) || errors.Is(err, resolve.ErrAbsent) {
				t.Errorf("%s: got %+v, %v", name, m, err)
			}
		}
	}
}

// Two prefixes, one in the other.
func TestPathPrefixNested(t *testing.T) {
	inner := must(tenancyhttp.NewMiddleware(people, tenancyhttp.PathPrefix("/again/"), silent))(rest)
	address := serve(t, must(tenancyhttp.NewMiddleware(people, tenancyhttp.PathPrefix("/t/"), silent))(inner))
	if got := get(t, address, "/t/acme/again/acme/x", "Host: h"); got.body != "acme /t/acme/again/acme|/x||" {
		t.Errorf("got %d %q", got.status, got.body)
	}
	get(t, address, "/t/acme/again/globex/x", "Host: h").wantProblem(t, 400, "tenant-conflict")
}

func TestPathValue(t *testing.T) {
	inside := http.NewServeMux()
	byName := must(tenancyhttp.NewMiddleware(people, tenancyhttp.PathValue("tenant"), silent))
	inside.Handle("/tenants/{tenant}/orders", byName(whoami))
	inside.Handle("/ids/{id}", must(tenancyhttp.NewMiddleware(people, tenancyhttp.PathValue("id", tenancyhttp.ByID()), silent))(whoami))
	address := serve(t, inside)
	get(t, address, "/tenants/acme/orders", "Host: h").wantTenant(t, "acme")
	get(t, address, "/ids/id-acme", "Host: h").wantTenant(t, "acme")
	for target, want := range map[string]int{
		"/tenants/acme%2Fevil/orders": 400, "/tenants/acme%00/orders": 400, "/tenants/%2e%2e/orders": 400,
		"/tenants/ACME/orders": 400, "/tenants/acme%20/orders": 400, "/tenants/nobody/orders": 404,
		"/tenants/%61cme/orders": 400, "/tenants/acme%2dx/orders": 400, "/ids/id%2Dacme": 400, "/ids/id-acme%2F..%2Fid-globex": 400,
	} {
		if got := get(t, address, target, "Host: h"); got.status != want {
			t.Errorf("%s: got %d %s, want %d", target, got.status, got.body, want)
		}
	}

	// Around the mux there are no path values: nothing is served.
	around := http.NewServeMux()
	around.Handle("/tenants/{tenant}/orders", whoami)
	get(t, serve(t, byName(around)), "/tenants/acme/orders", "Host: h").wantProblem(t, 400, "tenant-missing")
}

// Whoever calls a request a preflight gets past the middleware, but not at a file.
func TestPreflightOfFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret.txt"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	claims := tenancyhttp.Claims(func(*http.Request) (string, error) { return "", resolve.ErrUnauthenticated })
	store, _ := newTenants(t, "acme")
	files := must(tenancyhttp.NewMiddleware(store, claims, silent, tenancyhttp.WithSkipPreflight()))(http.FileServer(http.Dir(dir)))
	cors := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "https://a.test")
		files.ServeHTTP(w, r)
	})
	address := serve(t, cors)
	for _, target := range []string{"/secret.txt", "/", "/none"} {
		got := raw(t, address, "OPTIONS "+target+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\nOrigin: https://a.test\r\nAccess-Control-Request-Method: GET\r\n\r\n")
		if got.body != "" || got.header.Get("Access-Control-Allow-Origin") == "" {
			t.Errorf("%s: got %d %q %v", target, got.status, got.body, got.header)
		}
	}
	get(t, address, "/secret.txt", "Host: h").wantProblem(t, 401, "unauthenticated")
}

func TestSkip(t *testing.T) {
	grpc := tenancyhttp.WithSkip(func(r *http.Request) bool {
		return r.ProtoMajor == 2 && r.Header.Get("Content-Type") == "application/grpc"
	})
	h := guarded(t, tenancyhttp.Header("X-Tenant"), grpc, tenancyhttp.WithSkipPaths("/healthz", "/static/"), tenancyhttp.WithSkipPreflight())
	address := serve(t, h)
	for target, skipped := range map[string]bool{
		"/healthz": true, "/healthz?x=/": true, "/static/": true, "/static/a/b": true, "/static/a%20b": true,

		"/healthz/": false, "/healthz-admin": false, "/healthz/x": false, "/HEALTHZ": false, "/%68ealthz": false, "/static": false,
		"/statics/x": false, "//healthz": false, "/x/../healthz": false, "/static/../admin": false, "/static/%2e%2e/admin": false,
		"/static/..;/admin": false, "/static/..%5cadmin": false, `/static/\admin`: false, "/static/%252e%252e/admin": false, "/static/%c0%ae%c0%ae/admin": false,
		"/static/..%2fadmin": false, "/static%2fadmin": false, "/static//x": false, "/": false, "/x/healthz": false, "/healthz%00": false,
	} {
		got := get(t, address, target, "Host: h", "X-Tenant: acme")
		want := "tenant acme"
		if skipped {
			want = "tenant " // none, although the request names one
		}
		if got.status != http.StatusOK || got.body != want {
			t.Errorf("%s: got %d %q, want %q", target, got.status, got.body, want)
		}
		if got.header.Get("Vary") != "X-Tenant" {
			t.Errorf("%s: Vary %q", target, got.header["Vary"])
		}
	}

	preflight := func(lines string) answer {
		return raw(t, address, "OPTIONS /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"+lines+"\r\n")
	}
	if got := preflight("Origin: https://a.test\r\nAccess-Control-Request-Method: PUT\r\n"); got.status != http.StatusOK || got.body != "" {
		t.Errorf("preflight: got %d %q, want an empty 200", got.status, got.body)
	}
	preflight("Origin: https://a.test\r\n").wantProblem(t, 400, "tenant-missing")
	preflight("Access-Control-Request-Method: PUT\r\n").wantProblem(t, 400, "tenant-missing")
	get(t, address, "/x", "Host: h", "Origin: https://a.test", "Access-Control-Request-Method: PUT").wantProblem(t, 400, "tenant-missing")
	raw(t, address, "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\nConnection: close\r\n\r\n").wantProblem(t, 400, "tenant-missing")
	if got := raw(t, address, "OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"); got.status != 200 || got.body != "" { // by net/http
		t.Errorf("OPTIONS *: got %d %q", got.status, got.body)
	}

	client := http2(t, h)
	over2(t, client, "POST", "https://h/pkg.Service/Method", "Content-Type: application/grpc").wantTenant(t, "")
	over2(t, client, "POST", "https://h/pkg.Service/Method").wantProblem(t, 400, "tenant-missing")
}

func TestOptional(t *testing.T) {
	address := serve(t, guarded(t, tenancyhttp.First(tenancyhttp.Header("X-Tenant"), tenancyhttp.Subdomain("example.com")), tenancyhttp.WithOptional()))
	get(t, address, "/", "Host: www.example.com").wantTenant(t, "")
	get(t, address, "/", "Host: acme.example.com").wantTenant(t, "acme")
	get(t, address, "/", "Host: nobody.example.com").wantProblem(t, 404, "tenant-not-found")
	get(t, address, "/", "Host: www.example.com", "X-Tenant: nobody").wantProblem(t, 404, "tenant-not-found")
	get(t, address, "/", "Host: www.example.com", "X-Tenant: !").wantProblem(t, 400, "tenant-malformed")
	get(t, address, "/", "Host: acme.example.net").wantProblem(t, 421, "host-not-served")
}
