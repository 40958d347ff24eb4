package tenancyhttp_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
)

var (
	here      = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	elsewhere = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
)

func TestForwardedHost(t *testing.T) {
	bySubdomain := guarded(t, tenancyhttp.Subdomain("example.com"), tenancyhttp.WithSkipPaths("/healthz"))
	behind := func(trusted []netip.Prefix, hop int) string {
		return serve(t, must(tenancyhttp.TrustedProxies(trusted, tenancyhttp.WithHostFrom("X-Forwarded-Host", hop)))(bySubdomain))
	}
	single, appended, second, untrusted := behind(here, 0), behind(here, 1), behind(here, 2), behind(elsewhere, 0)
	const host = "Host: globex.example.com"
	for name, row := range map[string]struct {
		address string
		lines   []string
		status  int
		want    string
	}{
		"from a trusted peer":               {single, []string{host, "X-Forwarded-Host: acme.example.com"}, 200, "acme"},
		"with a port":                       {single, []string{host, "X-Forwarded-Host: acme.example.com:8443"}, 200, "acme"},
		"malformed":                         {single, []string{host, "X-Forwarded-Host: a_c.example.com"}, 400, "tenant-malformed"},
		"missing":                           {single, []string{host}, 400, "tenant-missing"},
		"empty":                             {single, []string{host, "X-Forwarded-Host:"}, 400, "tenant-missing"},
		"a list":                            {single, []string{host, "X-Forwarded-Host: acme.example.com, globex.example.com"}, 400, "tenant-malformed"},
		"twice":                             {single, []string{host, "X-Forwarded-Host: acme.example.com", "X-Forwarded-Host: acme.example.com"}, 400, "tenant-malformed"},
		"Forwarded is not read":             {single, []string{host, "Forwarded: host=acme.example.com"}, 400, "tenant-missing"},
		"a place in the list is empty":      {appended, []string{host, "X-Forwarded-Host: acme.example.com,"}, 400, "tenant-missing"},
		"the last of a list, malformed":     {appended, []string{host, "X-Forwarded-Host: acme.example.com, a..example.com"}, 400, "tenant-malformed"},
		"a container":                       {single, []string{host, "X-Forwarded-Host: my_service:8080"}, 400, "tenant-missing"},
		"foreign":                           {single, []string{host, "X-Forwarded-Host: acme.example.net"}, 421, "host-not-served"},
		"the last of a list":                {appended, []string{host, "X-Forwarded-Host: evil.example.com, acme.example.com"}, 200, "acme"},
		"the last of several lines":         {appended, []string{host, "X-Forwarded-Host: evil.example.com", "X-Forwarded-Host: acme.example.com"}, 200, "acme"},
		"the last but one":                  {second, []string{host, "X-Forwarded-Host: evil.example.com, acme.example.com, inner"}, 200, "acme"},
		"fewer hops than there should be":   {second, []string{host, "X-Forwarded-Host: acme.example.com"}, 400, "tenant-missing"},
		"from a peer that is not trusted":   {untrusted, []string{host, "X-Forwarded-Host: acme.example.com"}, 200, "globex"},
		"untrusted, malformed":              {untrusted, []string{host, "X-Forwarded-Host: a,b"}, 200, "globex"},
		"untrusted, without":                {untrusted, []string{host}, 200, "globex"},
		"hop-by-hop does not matter at end": {single, []string{host, "X-Forwarded-Host: acme.example.com", "Connection: X-Forwarded-Host"}, 200, "acme"},
	} {
		t.Run(name, func(t *testing.T) {
			got := get(t, row.address, "/", row.lines...)
			if row.status == http.StatusOK {
				got.wantTenant(t, row.want)
			} else {
				got.wantProblem(t, row.status, row.want)
			}
			if got.header.Get("Vary") != "X-Forwarded-Host" {
				t.Errorf("Vary %q", got.header["Vary"])
			}
		})
	}
	get(t, single, "/healthz", "Host: 127.0.0.1").wantTenant(t, "") // the balancer's own check

	// A client has the proxy remove the header: no tenant, not that of Host.
	target := &url.URL{Scheme: "http", Host: single}
	proxy := serve(t, &httputil.ReverseProxy{Director: func(r *http.Request) {
		r.Header.Set("X-Forwarded-Host", r.Host)
		r.URL.Scheme, r.URL.Host, r.Host = target.Scheme, target.Host, "globex.example.com"
	}})
	get(t, proxy, "/", "Host: acme.example.com").wantTenant(t, "acme")
	raw(t, proxy, "GET / HTTP/1.1\r\nHost: acme.example.com\r\nConnection: close, X-Forwarded-Host\r\n\r\n").wantProblem(t, 400, "tenant-missing")
}

func TestProxyHeaders(t *testing.T) {
	byHeader := guarded(t, tenancyhttp.Header("X-Tenant-ID"))
	trusted := serve(t, must(tenancyhttp.TrustedProxies(here, tenancyhttp.WithProxyHeaders("x-tenant-id")))(byHeader))
	untrusted := serve(t, must(tenancyhttp.TrustedProxies(elsewhere, tenancyhttp.WithProxyHeaders("x-tenant-id")))(byHeader))
	none := serve(t, must(tenancyhttp.TrustedProxies(nil, tenancyhttp.WithProxyHeaders("x-tenant-id")))(byHeader))
	get(t, trusted, "/", "Host: h", "X-Tenant-ID: acme").wantTenant(t, "acme")
	get(t, untrusted, "/", "Host: h", "X-Tenant-ID: acme").wantProblem(t, 400, "tenant-missing")
	get(t, untrusted, "/", "Host: h", "X-Tenant-ID: acme", "X-Tenant-ID: acme").wantProblem(t, 400, "tenant-missing")
	get(t, none, "/", "Host: h", "X-Tenant-ID: acme").wantProblem(t, 400, "tenant-missing")
	over2(t, http2(t, must(tenancyhttp.TrustedProxies(nil, tenancyhttp.WithProxyHeaders("X-Tenant-ID")))(byHeader)),
		"GET", "https://h/", "X-Tenant-ID: acme").wantProblem(t, 400, "tenant-missing")
}

func TestUnixSocketIsTrustedExplicitly(t *testing.T) {
	for _, trusts := range []bool{true, false} {
		opts := []tenancyhttp.ProxyOption{tenancyhttp.WithProxyHeaders("X-Tenant-ID")}
		if trusts {
			opts = append(opts, tenancyhttp.WithUnixSocket())
		}
		path := filepath.Join(t.TempDir(), "s")
		listener, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewUnstartedServer(must(tenancyhttp.TrustedProxies([]netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}, opts...))(
			guarded(t, tenancyhttp.Header("X-Tenant-ID"))))
		_ = server.Listener.Close()
		server.Listener = listener
		server.Start()
		defer server.Close()
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\nX-Tenant-ID: acme\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if got := read(t, conn, "GET"); trusts {
			got.wantTenant(t, "acme")
		} else {
			got.wantProblem(t, 400, "tenant-missing")
		}
	}
}

// Addresses in the forms that RemoteAddr takes.
func TestTrustedAddresses(t *testing.T) {
	for peer, want := range map[string]bool{
		"10.1.2.3:80": true, "[::ffff:10.1.2.3]:80": true, "[fe80::1%eth0]:80": true,
		"11.1.2.3:80": false, "[::1]:80": false, "10.1.2.3": false, "10.1.2.3.evil.test:80": false, "": false, "@": false, "pipe": false,
	} {
		h := must(tenancyhttp.TrustedProxies([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fe80::/10")},
			tenancyhttp.WithProxyHeaders("X-Tenant-ID")))(guarded(t, tenancyhttp.Header("X-Tenant-ID")))
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = peer
		r.Header.Set("X-Tenant-ID", "acme")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Code == http.StatusOK; got != want {
			t.Errorf("%q: trusted %v", peer, got)
		}
		if r.Header.Get("X-Tenant-ID") != "acme" {
			t.Errorf("%q: the caller's request was changed", peer)
		}
	}
}
