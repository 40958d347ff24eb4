package tenancyhttp_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
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
			"unknown":                   {"/t/nobody/x", 404, "tenant-not-found"},
			"suspended":                 {"/t/late/x", 403, "tenant-suspended"},
		},
		"/": {
			"a path below": {"/acme/orders", 200, "acme /acme|/orders||"},
			"nothing":      {"/", 400, "tenant-missing"},
			"a file":       {"/favicon.ico", 400, "tenant-malformed"},
		},
	} {
		h, err := tenancyhttp.NewHandler(people, tenancyhttp.PathPrefix(prefix), rest, silent)
		if err != nil {
			t.Fatal(err)
		}
		address := serve(t, h)
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

// Two prefixes, one in the other.
func TestPathPrefixNested(t *testing.T) {
	inner := tenancyhttp.Middleware(people, tenancyhttp.PathPrefix("/again/"), silent)(rest)
	address := serve(t, tenancyhttp.Middleware(people, tenancyhttp.PathPrefix("/t/"), silent)(inner))
	if got := get(t, address, "/t/acme/again/acme/x", "Host: h"); got.body != "acme /t/acme/again/acme|/x||" {
		t.Errorf("got %d %q", got.status, got.body)
	}
	get(t, address, "/t/acme/again/globex/x", "Host: h").wantProblem(t, 400, "tenant-conflict")
}

func TestPathValue(t *testing.T) {
	inside := http.NewServeMux()
	byName := tenancyhttp.Middleware(people, tenancyhttp.PathValue("tenant"), silent)
	inside.Handle("/tenants/{tenant}/orders", byName(whoami))
	inside.Handle("/ids/{id}", tenancyhttp.Middleware(people, tenancyhttp.PathValue("id", tenancyhttp.ByID()), silent)(whoami))
	address := serve(t, inside)
	get(t, address, "/tenants/acme/orders", "Host: h").wantTenant(t, "acme")
	get(t, address, "/ids/id-acme", "Host: h").wantTenant(t, "acme")
	for target, want := range map[string]int{
		"/tenants/acme%2Fevil/orders": 400, "/tenants/acme%00/orders": 400, "/tenants/%2e%2e/orders": 400,
		"/tenants/ACME/orders": 400, "/tenants/acme%20/orders": 400, "/tenants/nobody/orders": 404,
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

func TestSkip(t *testing.T) {
	grpc := tenancyhttp.WithSkip(func(r *http.Request) bool {
		return r.ProtoMajor == 2 && r.Header.Get("Content-Type") == "application/grpc"
	})
	h := resolve(t, tenancyhttp.Header("X-Tenant"), grpc, tenancyhttp.WithSkipPaths("/healthz", "/static/"), tenancyhttp.WithSkipPreflight())
	address := serve(t, h)
	for target, skipped := range map[string]bool{
		"/healthz": true, "/healthz?x=/": true, "/static/": true, "/static/a/b": true, "/static/a%20b": true,

		"/healthz/": false, "/healthz-admin": false, "/healthz/x": false, "/HEALTHZ": false, "/%68ealthz": false, "/static": false,
		"/statics/x": false, "//healthz": false, "/x/../healthz": false, "/static/../admin": false, "/static/%2e%2e/admin": false,
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
	preflight("Origin: https://a.test\r\nAccess-Control-Request-Method: PUT\r\n").wantTenant(t, "")
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
	address := serve(t, resolve(t, tenancyhttp.First(tenancyhttp.Header("X-Tenant"), tenancyhttp.Subdomain("example.com")), tenancyhttp.WithOptional()))
	get(t, address, "/", "Host: www.example.com").wantTenant(t, "")
	get(t, address, "/", "Host: acme.example.com").wantTenant(t, "acme")
	get(t, address, "/", "Host: nobody.example.com").wantProblem(t, 404, "tenant-not-found")
	get(t, address, "/", "Host: www.example.com", "X-Tenant: nobody").wantProblem(t, 404, "tenant-not-found")
	get(t, address, "/", "Host: www.example.com", "X-Tenant: !").wantProblem(t, 400, "tenant-malformed")
	get(t, address, "/", "Host: acme.example.net").wantProblem(t, 421, "host-not-served")
}
