package tenancyhttp_test

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
)

func TestHeader(t *testing.T) {
	address := serve(t, guarded(t, tenancyhttp.Header("x-tenant-id")))
	for name, row := range map[string]struct {
		lines  string
		status int
		want   string
	}{
		"plain":                     {"X-Tenant-ID: acme", 200, "acme"},
		"name in another case":      {"x-tenant-id: acme", 200, "acme"},
		"spaces around the value":   {"X-Tenant-ID: \t acme \t", 200, "acme"},
		"missing":                   {"X: y", 400, "tenant-missing"},
		"empty":                     {"X-Tenant-ID:", 400, "tenant-malformed"},
		"twice":                     {"X-Tenant-ID: acme\r\nX-Tenant-ID: globex", 400, "tenant-malformed"},
		"twice the same":            {"X-Tenant-ID: acme\r\nx-tenant-id: acme", 400, "tenant-malformed"},
		"twice, one empty":          {"X-Tenant-ID:\r\nX-Tenant-ID: acme", 400, "tenant-malformed"},
		"a list":                    {"X-Tenant-ID: acme, globex", 400, "tenant-malformed"},
		"a list of one":             {"X-Tenant-ID: acme,", 400, "tenant-malformed"},
		"folded line":               {"X-Tenant-ID: ac\r\n me", 400, "tenant-malformed"},
		"underscores: another name": {"X_Tenant_ID: acme", 400, "tenant-missing"},
		"byte 0xff":                 {"X-Tenant-ID: acme\xff", 400, "tenant-malformed"},
		"capital letter":            {"X-Tenant-ID: Acme", 400, "tenant-malformed"},
		"look-alike":                {"X-Tenant-ID: \u0430cme", 400, "tenant-malformed"},
		"64 bytes":                  {"X-Tenant-ID: " + strings.Repeat("a", 64), 400, "tenant-malformed"},
		"60 kB":                     {"X-Tenant-ID: " + strings.Repeat("a", 60_000), 400, "tenant-malformed"},
		"quotes":                    {`X-Tenant-ID: "acme"`, 400, "tenant-malformed"},
		"unknown":                   {"X-Tenant-ID: nobody", 404, "tenant-not-found"},
		"net/http refuses NUL":      {"X-Tenant-ID: acme\x00", 400, ""},
		"net/http refuses a space":  {"X-Tenant-ID : acme", 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := get(t, address, "/", "Host: example.com", row.lines)
			switch {
			case row.want == "":
				if got.status != row.status || strings.HasPrefix(got.body, "tenant ") {
					t.Errorf("got %d %q", got.status, got.body)
				}
				return
			case row.status == http.StatusOK:
				got.wantTenant(t, row.want)
			default:
				got.wantProblem(t, row.status, row.want)
			}
			if vary := got.header["Vary"]; len(vary) != 1 || vary[0] != "X-Tenant-Id" {
				t.Errorf("Vary %q", vary)
			}
		})
	}

	client := http2(t, guarded(t, tenancyhttp.Header("X-Tenant-ID", tenancyhttp.ByID())))
	over2(t, client, "GET", "https://example.com/", "X-Tenant-ID: id-acme").wantTenant(t, "acme")
	over2(t, client, "GET", "https://example.com/", "X-Tenant-ID: acme").wantProblem(t, 404, "tenant-not-found")
	over2(t, client, "GET", "https://example.com/", "X-Tenant-ID: id-acme, id-globex").wantProblem(t, 400, "tenant-malformed")
	over2(t, client, "GET", "https://example.com/", "X-Tenant-ID: id-acme", "X-Tenant-ID: id-globex").wantProblem(t, 400, "tenant-malformed")
}

// A client that names the header in Connection has a Go reverse proxy with a
// Director remove what the Director has set. Then there is no tenant, and not
// another one.
func TestHopByHopHeader(t *testing.T) {
	backend := serve(t, guarded(t, tenancyhttp.Header("X-Tenant-ID")))
	target := &url.URL{Scheme: "http", Host: backend}
	director := serve(t, &httputil.ReverseProxy{Director: func(r *http.Request) {
		r.URL.Scheme, r.URL.Host = target.Scheme, target.Host
		r.Header.Set("X-Tenant-ID", "acme")
	}})
	rewrite := serve(t, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Header.Set("X-Tenant-ID", "acme")
	}})
	const abuse = "Connection: close, X-Tenant-ID"
	get(t, director, "/", "Host: h").wantTenant(t, "acme")
	raw(t, director, "GET / HTTP/1.1\r\nHost: h\r\n"+abuse+"\r\n\r\n").wantProblem(t, 400, "tenant-missing")
	raw(t, rewrite, "GET / HTTP/1.1\r\nHost: h\r\n"+abuse+"\r\n\r\n").wantTenant(t, "acme")
	// Without a proxy, Connection changes nothing: this is the end of the hop.
	raw(t, backend, "GET / HTTP/1.1\r\nHost: h\r\nX-Tenant-ID: globex\r\n"+abuse+"\r\n\r\n").wantTenant(t, "globex")
}
