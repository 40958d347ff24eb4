package tenancyhttp_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

var (
	tenantHost = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]{1,61}[A-Za-z0-9])\.[Ee][Xx][Aa][Mm][Pp][Ll][Ee]\.[Cc][Oo][Mm]\.?(?::([0-9]{1,5}))?$`)
	identifier = regexp.MustCompile(`^[a-z][a-z0-9-]{1,61}[a-z0-9]$`)
	domainName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)
)

// A host names a tenant exactly if this regular expression says so, and what a
// lookup of domains gets is canonical.
func FuzzHost(f *testing.F) {
	for _, host := range []string{
		"acme.example.com", "ACME.Example.COM:8080", "acme.example.com.", "acme.example.com..", "www.example.com",
		"a.b.example.com", "evilexample.com", "example.com", "acme.example.com:99999999", "acme.example.com:80:80",
		"acme%2eexample.com", "a_c.example.com", "bücher.example.com", "a.example.com/x", "[::1]:80", "[fe80::1%25eth0]",
		"127.0.0.1", "0x7f.1", "1.2.3.4.5", "user@acme.example.com", "acme.example.com:", ":80", ".", "", "xn--bcher-kva.example.com",
		"\u212acme.example.com", strings.Repeat("a", 63) + ".example.com", strings.Repeat("a.", 130) + "example.com",
	} {
		f.Add(host)
	}
	subdomain := tenancyhttp.Subdomain("example.com", tenancyhttp.WithReserved())
	f.Fuzz(func(t *testing.T, host string) {
		r := &http.Request{Host: host}
		m, err := subdomain.Resolve(r)
		want := ""
		if found := tenantHost.FindStringSubmatch(host); found != nil {
			if port, _ := strconv.Atoi(found[2]); found[2] == "" || 1 <= port && port <= 65535 {
				want = strings.ToLower(found[1])
			}
		}
		if got := m.Key.Value; (err == nil) != (want != "") || err == nil && got != want {
			t.Fatalf("host %q: got %q, %v, want %q", host, got, err, want)
		}
		lookup := owners(func(_ context.Context, domain string) (string, error) {
			if len(domain) > 253 || !domainName.MatchString(domain) || !strings.HasPrefix(strings.ToLower(host), domain) {
				t.Fatalf("host %q was looked up as %q", host, domain)
			}
			return "id-acme", nil
		})
		if _, err := tenancyhttp.Domain(lookup).Resolve(r); err == nil && want == "" && strings.Contains(host, "@") {
			t.Fatalf("host %q was accepted", host)
		}
		if errors.Is(err, resolve.ErrAbsent) == errors.Is(err, tenancy.ErrInvalid) && err != nil {
			t.Fatalf("host %q: %v is neither absent nor invalid", host, err)
		}
	})
}

// A header names a tenant exactly if it has one line that is an identifier. What
// a proxy says is taken exactly from the place that was configured.
func FuzzHeader(f *testing.F) {
	for _, lines := range [][2]string{
		{"acme", ""}, {"acme", "acme"}, {"acme,globex", ""}, {"acme, acme", ""}, {" acme", ""}, {"", "acme"}, {"Acme", ""},
		{"acme\xff", ""}, {"acme\x00", ""}, {"acme\r\nX: y", ""}, {strings.Repeat("a", 64), ""}, {strings.Repeat("a", 63), ""},
		{"evil.example.com, acme.example.com", ""}, {"a", "acme.example.com:443 "}, {",", ","}, {"[::1]", ""},
	} {
		f.Add(lines[0], lines[1], len(lines[1]) > 0)
	}
	tenant := tenancyhttp.Header("X-Tenant")
	var host string
	proxied := must(tenancyhttp.TrustedProxies([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, tenancyhttp.WithHostFrom("X-Forwarded-Host", 1)))(
		http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { host = r.Host }))
	f.Fuzz(func(t *testing.T, one, two string, both bool) {
		lines := []string{one}
		if both {
			lines = append(lines, two)
		}
		m, err := tenant.Resolve(&http.Request{Header: http.Header{"X-Tenant": lines}})
		if want := !both && identifier.MatchString(one); (err == nil) != want || want && m.Key.Value != one {
			t.Fatalf("header %q: got %q, %v", lines, m.Key.Value, err)
		}

		r := &http.Request{Host: "inside", RemoteAddr: "10.1.2.3:4", Header: http.Header{"X-Forwarded-Host": lines}, URL: &url.URL{Path: "/"}}
		proxied.ServeHTTP(httptest.NewRecorder(), r)
		all := strings.Join(lines, ",")
		last := strings.Trim(all[strings.LastIndexByte(all, ',')+1:], " \t\r\n")
		if host != "" && host != last || r.Host != "inside" {
			t.Fatalf("forwarded %q: got host %q", lines, host)
		}
		if _, err := tenancyhttp.Subdomain("example.com").Resolve(&http.Request{Host: last}); !errors.Is(err, tenancy.ErrInvalid) && host != last {
			t.Fatalf("forwarded %q: %q was not taken", lines, last)
		}
	})
}

// Whatever the path, resolver, skip rule and router read the same in it, and no
// byte of the path is lost.
func FuzzPath(f *testing.F) {
	for _, target := range []string{
		"/t/acme", "/t/acme/", "/t/acme/orders/7", "/t/acme/a%2Fb", "/t/acme%2Fevil/x", "/t/%61cme/x", "/t//acme", "//t/acme",
		"/t/../t/acme", "/t/acme/../globex/x", "/t/acme/%2e%2e/globex", "/t/acme/..%2Fglobex", "/t/acme/%00", "/t/acme/./x", "/t/ACME/x",
		"/t/acme/%5c..%5cglobex", "/t/acme/%2fevil.example", "/t/acme/..;/globex", "/t/acme/%252e%252e/x", "/t/acme/%c0%ae%c0%ae/x", "/t%2Facme/x",
		"/static/x", "/static/../t/acme", "/static%2Fx", "/static/%2e%2e/t/acme", "/healthz", "/healthz/", "/healthz-admin", "/%68ealthz",
		"*", "/", "/t/acme;x=1/y", "/t/acme/\xff", "/t/acme/%zz", "/t/acme/ü", "/t/acme//", "http://h/t/acme/x", "/t/acme/.%2e/x", "/t/acme\\..\\globex/x",
	} {
		f.Add(target)
	}
	acme := getter{"acme": {ID: "1", Identifier: "acme", Status: tenancy.StatusActive}}
	type seen struct{ tenant, path, raw, prefix string }
	var got *seen
	m := must(tenancyhttp.NewMiddleware(acme, tenancyhttp.PathPrefix("/t/"), tenancyhttp.WithSkipPaths("/healthz", "/static/"), tenancyhttp.WithLogger(nil)))
	h := m(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		tenant, _ := tenancy.FromContext(r.Context())
		got = &seen{tenant.Identifier, r.URL.Path, r.URL.RawPath, tenancyhttp.PrefixFromContext(r.Context())}
	}))
	var routed string
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) { routed = "skip" })
	mux.HandleFunc("/static/", func(http.ResponseWriter, *http.Request) { routed = "skip" })
	tenantRoute := func(_ http.ResponseWriter, r *http.Request) { routed = "tenant " + r.PathValue("tenant") }
	mux.HandleFunc("/t/{tenant}", tenantRoute)
	mux.HandleFunc("/t/{tenant}/", tenantRoute)

	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Path == "" {
			return // net/http answers 400
		}
		request := func() *http.Request {
			own := *u
			return &http.Request{Method: http.MethodGet, URL: &own, Host: "example.com", RequestURI: target, Header: http.Header{}}
		}
		got, routed = nil, ""
		h.ServeHTTP(httptest.NewRecorder(), request())
		mux.ServeHTTP(httptest.NewRecorder(), request())
		switch {
		case got == nil:
			return
		case got.tenant == "":
			if routed != "skip" || got.path != u.Path || got.prefix != "" {
				t.Fatalf("%q was skipped as %+v, the router says %q", target, got, routed)
			}
		default:
			if plain := strings.ReplaceAll(u.Path, `\`, "/"); strings.TrimSuffix(plain, "/") != path.Clean(plain) || strings.Contains(plain, "//") {
				t.Fatalf("%q is of tenant %+v, although its path is not clean", target, got)
			}
			if routed != "tenant "+got.tenant || got.prefix != "/t/acme" {
				t.Fatalf("%q is of tenant %+v, the router says %q", target, got, routed)
			}
			if whole := got.prefix + got.path; whole != u.Path && whole != u.Path+"/" {
				t.Fatalf("%q became %q below %q", u.Path, got.path, got.prefix)
			}
			if u.RawPath != "" && got.prefix+got.raw != u.RawPath || u.RawPath == "" && got.raw != "" {
				t.Fatalf("%q became raw %q below %q", u.RawPath, got.raw, got.prefix)
			}
		}
	})
}
