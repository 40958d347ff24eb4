package tenancyhttp_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Every line is sent as it is.
func TestHost(t *testing.T) {
	address := serve(t, guarded(t, tenancyhttp.Subdomain("example.com", tenancyhttp.WithBases("eu.example.com", "example.org"))))
	for name, row := range map[string]struct {
		request string // without Connection: close and the end
		status  int
		want    string // tenant or code; "" for what net/http refuses
	}{
		"plain":                             {"GET / HTTP/1.1\r\nHost: acme.example.com", 200, "acme"},
		"port":                              {"GET / HTTP/1.1\r\nHost: acme.example.com:8080", 200, "acme"},
		"case is ignored":                   {"GET / HTTP/1.1\r\nHost: ACME.Example.COM", 200, "acme"},
		"one trailing dot is stripped":      {"GET / HTTP/1.1\r\nHost: acme.example.com.", 200, "acme"},
		"trailing dot before the port":      {"GET / HTTP/1.1\r\nHost: acme.example.com.:80", 200, "acme"},
		"two trailing dots":                 {"GET / HTTP/1.1\r\nHost: acme.example.com..", 400, "tenant-malformed"},
		"A-label":                           {"GET / HTTP/1.1\r\nHost: xn--bcher-kva.example.com", 200, "xn--bcher-kva"},
		"absolute form overrides Host":      {"GET http://acme.example.com/ HTTP/1.1\r\nHost: globex.example.com", 200, "acme"},
		"absolute form, malformed":          {"GET http://a..example.com/ HTTP/1.1\r\nHost: acme.example.com", 400, "tenant-malformed"},
		"X-Forwarded-Host is not believed":  {"GET / HTTP/1.1\r\nHost: acme.example.com\r\nX-Forwarded-Host: globex.example.com", 200, "acme"},
		"Forwarded is not believed":         {"GET / HTTP/1.1\r\nHost: acme.example.com\r\nForwarded: host=globex.example.com", 200, "acme"},
		"X-Host is not believed":            {"GET / HTTP/1.1\r\nHost: acme.example.com\r\nX-Host: globex.example.com", 200, "acme"},
		"another base":                      {"GET / HTTP/1.1\r\nHost: acme.example.org", 200, "acme"},
		"longest base first":                {"GET / HTTP/1.1\r\nHost: acme.eu.example.com", 200, "acme"},
		"a base is no tenant of another":    {"GET / HTTP/1.1\r\nHost: eu.example.com", 400, "tenant-missing"},
		"apex":                              {"GET / HTTP/1.1\r\nHost: example.com", 400, "tenant-missing"},
		"apex with dot and port":            {"GET / HTTP/1.1\r\nHost: example.com.:443", 400, "tenant-missing"},
		"www":                               {"GET / HTTP/1.1\r\nHost: www.example.com", 400, "tenant-missing"},
		"IPv4":                              {"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080", 400, "tenant-missing"},
		"IPv6":                              {"GET / HTTP/1.1\r\nHost: [::1]:8080", 400, "tenant-missing"},
		"IPv6 without port":                 {"GET / HTTP/1.1\r\nHost: [2001:db8::1]", 400, "tenant-missing"},
		"IPv6 with zone":                    {"GET / HTTP/1.1\r\nHost: [fe80::1%25eth0]", 400, "tenant-malformed"},
		"brackets around a name":            {"GET / HTTP/1.1\r\nHost: [acme.example.com]", 400, "tenant-malformed"},
		"IPv4 in odd clothes":               {"GET / HTTP/1.1\r\nHost: 127.1", 400, "tenant-malformed"},
		"IPv4 in hexadecimal":               {"GET / HTTP/1.1\r\nHost: 0x7f000001", 400, "tenant-malformed"},
		"suffix without the dot":            {"GET / HTTP/1.1\r\nHost: evilexample.com", 421, "host-not-served"},
		"below the suffix without the dot":  {"GET / HTTP/1.1\r\nHost: acme.evilexample.com", 421, "host-not-served"},
		"foreign domain":                    {"GET / HTTP/1.1\r\nHost: acme.example.net", 421, "host-not-served"},
		"base in the middle":                {"GET / HTTP/1.1\r\nHost: acme.example.com.evil.net", 421, "host-not-served"},
		"two labels":                        {"GET / HTTP/1.1\r\nHost: acme.anything.example.com", 400, "tenant-malformed"},
		"two labels, the second reserved":   {"GET / HTTP/1.1\r\nHost: acme.www.example.com", 400, "tenant-malformed"},
		"label too short":                   {"GET / HTTP/1.1\r\nHost: ab.example.com", 400, "tenant-malformed"},
		"label of 64 bytes":                 {"GET / HTTP/1.1\r\nHost: " + strings.Repeat("a", 64) + ".example.com", 400, "tenant-malformed"},
		"label of 63 bytes":                 {"GET / HTTP/1.1\r\nHost: " + strings.Repeat("a", 63) + ".example.com", 404, "tenant-not-found"},
		"255 bytes":                         {"GET / HTTP/1.1\r\nHost: " + strings.Repeat("a.", 122) + "example.net", 400, "tenant-malformed"},
		"foreign, label of 64 bytes":        {"GET / HTTP/1.1\r\nHost: " + strings.Repeat("a", 64) + ".example.net", 400, "tenant-malformed"},
		"foreign, hyphen before a label":    {"GET / HTTP/1.1\r\nHost: -acme.example.net", 400, "tenant-malformed"},
		"foreign, hyphen after a label":     {"GET / HTTP/1.1\r\nHost: acme-.example.net", 400, "tenant-malformed"},
		"foreign, underscore":               {"GET / HTTP/1.1\r\nHost: a_me.example.net", 421, "host-not-served"},
		"foreign, one label":                {"GET / HTTP/1.1\r\nHost: tenants:8080", 400, "tenant-missing"},
		"foreign, a container":              {"GET / HTTP/1.1\r\nHost: my_project-web_1:8080", 400, "tenant-missing"},
		"one label, hyphen at the end":      {"GET / HTTP/1.1\r\nHost: web-", 400, "tenant-malformed"},
		"two bases":                         {"GET / HTTP/1.1\r\nHost: example.org.example.com", 400, "tenant-malformed"},
		"no label":                          {"GET / HTTP/1.1\r\nHost: .example.com", 400, "tenant-malformed"},
		"empty label":                       {"GET / HTTP/1.1\r\nHost: acme..example.com", 400, "tenant-malformed"},
		"hyphen at the end of a label":      {"GET / HTTP/1.1\r\nHost: acme-.example.com", 400, "tenant-malformed"},
		"underscore":                        {"GET / HTTP/1.1\r\nHost: a_me.example.com", 400, "tenant-malformed"},
		"percent-encoded dot":               {"GET / HTTP/1.1\r\nHost: acme%2eexample.com", 400, "tenant-malformed"},
		"port out of range":                 {"GET / HTTP/1.1\r\nHost: acme.example.com:99999999", 400, "tenant-malformed"},
		"port 65536":                        {"GET / HTTP/1.1\r\nHost: acme.example.com:65536", 400, "tenant-malformed"},
		"port 0":                            {"GET / HTTP/1.1\r\nHost: acme.example.com:0", 400, "tenant-malformed"},
		"two ports":                         {"GET / HTTP/1.1\r\nHost: acme.example.com:80:80", 400, "tenant-malformed"},
		"empty port":                        {"GET / HTTP/1.1\r\nHost: acme.example.com:", 400, "tenant-malformed"},
		"unknown tenant":                    {"GET / HTTP/1.1\r\nHost: nobody.example.com", 404, "tenant-not-found"},
		"empty Host":                        {"GET / HTTP/1.1\r\nHost:", 400, "tenant-missing"},
		"a port alone":                      {"GET / HTTP/1.1\r\nHost: :8080", 400, "tenant-missing"},
		"a dot alone":                       {"GET / HTTP/1.1\r\nHost: .", 400, "tenant-malformed"},
		"HTTP/1.0 without Host":             {"GET / HTTP/1.0", 400, "tenant-missing"},
		"HTTP/1.0 with Host":                {"GET / HTTP/1.0\r\nHost: acme.example.com", 200, "acme"},
		"net/http refuses no Host":          {"GET / HTTP/1.1\r\nX: y", 400, ""},
		"net/http refuses two Hosts":        {"GET / HTTP/1.1\r\nHost: acme.example.com\r\nHost: acme.example.com", 400, ""},
		"net/http refuses user information": {"GET / HTTP/1.1\r\nHost: user@acme.example.com", 400, ""},
		"net/http refuses a slash":          {"GET / HTTP/1.1\r\nHost: acme.example.com/x", 400, ""},
		"net/http refuses a space":          {"GET / HTTP/1.1\r\nHost: acme .example.com", 400, ""},
		"net/http refuses bytes above 127":  {"GET / HTTP/1.1\r\nHost: b\xc3\xbccher.example.com", 400, ""},
		"net/http refuses Host with spaces": {"GET / HTTP/1.1\r\nHost : acme.example.com", 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := raw(t, address, row.request+"\r\nConnection: close\r\n\r\n")
			switch {
			case row.want == "":
				if got.status != row.status || strings.HasPrefix(got.body, "tenant ") {
					t.Errorf("got %d %q, want %d", got.status, got.body, row.status)
				}
			case row.status == http.StatusOK:
				got.wantTenant(t, row.want)
			default:
				got.wantProblem(t, row.status, row.want)
			}
		})
	}
}

// A host that names nobody leaves the word to the next resolver, and is no error
// where a tenant is optional. One that is malformed is the end.
func TestHostsThatNameNobody(t *testing.T) {
	lookup := owners(func(context.Context, string) (string, error) { return "", tenancy.ErrNotFound })
	subdomain, domain, header := tenancyhttp.Subdomain("example.com"), tenancyhttp.Domain(lookup), tenancyhttp.Header("X-Tenant")
	for name, address := range map[string]string{
		"Subdomain":           serve(t, guarded(t, tenancyhttp.First(subdomain, header), tenancyhttp.WithOptional())),
		"Domain":              serve(t, guarded(t, tenancyhttp.First(domain, header), tenancyhttp.WithOptional())),
		"both":                serve(t, guarded(t, tenancyhttp.First(subdomain, domain, header), tenancyhttp.WithOptional())),
		"Agree":               serve(t, guarded(t, tenancyhttp.Agree(header, subdomain), tenancyhttp.WithOptional())),
		"Subdomain, by proxy": serve(t, must(tenancyhttp.TrustedProxies(here, tenancyhttp.WithHostFrom("X-Host", 0)))(guarded(t, tenancyhttp.First(subdomain, header), tenancyhttp.WithOptional()))),
	} {
		send := func(host, more string) answer {
			if host == "" {
				return raw(t, address, "GET / HTTP/1.0\r\n"+more+"\r\n")
			}
			return raw(t, address, "GET / HTTP/1.1\r\nConnection: close\r\nHost: "+host+"\r\nX-Host: "+host+"\r\n"+more+"\r\n")
		}
		for _, host := range []string{"", " ", ":8080", "127.0.0.1", "10.0.0.1:8080", "[::1]", "[2001:db8::1]:443", "my_service", "My_Service:8080", "web_1."} {
			send(host, "X-Tenant: acme\r\n").wantTenant(t, "acme")
			send(host, "").wantTenant(t, "")
			if t.Failed() {
				t.Fatalf("%s: host %q", name, host)
			}
		}
		for _, host := range []string{"a..b", "[::1", "web:x", "we%62", "-web", strings.Repeat("a", 64), "256.1.1.1", "[fe80::1%25eth0]", "a,b"} {
			send(host, "X-Tenant: acme\r\n").wantProblem(t, 400, "tenant-malformed")
			send(host, "").wantProblem(t, 400, "tenant-malformed")
			if t.Failed() {
				t.Fatalf("%s: host %q", name, host)
			}
		}
	}
}

// Over HTTP/2, by the client of net/http. What that would not send is in
// integration/http.
func TestHostHTTP2(t *testing.T) {
	client := http2(t, guarded(t, tenancyhttp.Subdomain("example.com")))
	over2(t, client, "GET", "https://acme.example.com/").wantTenant(t, "acme")
	over2(t, client, "GET", "https://ACME.example.com.:443/").wantTenant(t, "acme")
	over2(t, client, "GET", "https://xn--bcher-kva.example.com/").wantTenant(t, "xn--bcher-kva")
	over2(t, client, "GET", "https://nobody.example.com/").wantProblem(t, 404, "tenant-not-found")
	over2(t, client, "GET", "https://late.example.com/").wantProblem(t, 403, "tenant-suspended")
	over2(t, client, "GET", "https://example.com/").wantProblem(t, 400, "tenant-missing")
	over2(t, client, "GET", "https://acme.example.net/").wantProblem(t, 421, "host-not-served")
	over2(t, client, "GET", "https://acme.example.com/", "Host: a_b.example.com").wantProblem(t, 400, "tenant-malformed")
	if got := over2(t, client, "HEAD", "https://nobody.example.com/"); got.status != 404 || got.body != "" {
		t.Errorf("HEAD: %d %q", got.status, got.body)
	}
}

// Over TLS, the host must be the one of the handshake.
func TestStrictSNI(t *testing.T) {
	client := http2(t, guarded(t, tenancyhttp.Subdomain("example.com"), tenancyhttp.WithStrictSNI()))
	over2(t, client, "GET", "https://acme.example.com/").wantTenant(t, "acme")
	over2(t, client, "GET", "https://acme.example.com/", "Host: ACME.example.com.:443").wantTenant(t, "acme")
	over2(t, client, "GET", "https://acme.example.com/", "Host: globex.example.com").wantProblem(t, 421, "host-not-served")
	over2(t, client, "GET", "https://acme.example.com/", "Host: nobody.example.com").wantProblem(t, 421, "host-not-served")
	over2(t, client, "GET", "https://127.0.0.1/", "Host: acme.example.com").wantTenant(t, "acme") // addresses send no SNI
	get(t, serve(t, guarded(t, tenancyhttp.Subdomain("example.com"), tenancyhttp.WithStrictSNI())), "/", "Host: acme.example.com").wantTenant(t, "acme")

	lax := http2(t, guarded(t, tenancyhttp.Subdomain("example.com")))
	over2(t, lax, "GET", "https://acme.example.com/", "Host: globex.example.com").wantTenant(t, "globex")
}

func TestDomain(t *testing.T) {
	ids := map[string]string{"shop.acme.test": "id-acme", "books.test": "id-books", "stale.test": "id-nobody", "broken.test": ""}
	var asked []string
	domains := owners(func(_ context.Context, host string) (string, error) {
		asked = append(asked, host)
		if host == "down.test" {
			return "", context.DeadlineExceeded
		}
		if host == "odd.test" {
			return "", http.ErrNoCookie // any error
		}
		if id, ok := ids[host]; ok {
			return id, nil
		}
		return "", tenancy.ErrNotFound
	})
	address := serve(t, guarded(t, tenancyhttp.Domain(domains)))
	for host, want := range map[string]string{
		"shop.acme.test": "acme", "SHOP.acme.test.:443": "acme", "books.test": "xn--bcher-kva",
	} {
		get(t, address, "/", "Host: "+host).wantTenant(t, want)
	}
	for _, host := range asked {
		if _, ok := ids[host]; !ok {
			t.Errorf("looked up %q, which is not canonical", host)
		}
	}
	get(t, address, "/", "Host: x.shop.acme.test").wantProblem(t, 404, "tenant-not-found") // no wildcards
	get(t, address, "/", "Host: stale.test").wantProblem(t, 404, "tenant-not-found")
	get(t, address, "/", "Host: broken.test").wantProblem(t, 503, "unavailable")
	get(t, address, "/", "Host: down.test").wantProblem(t, 503, "unavailable")
	get(t, address, "/", "Host: odd.test").wantProblem(t, 503, "unavailable")

	asked = nil
	for _, host := range []string{"127.0.0.1", "[::1]:80", "a_b.test", "my_service:8080", "localhost"} {
		get(t, address, "/", "Host: "+host).wantProblem(t, 400, "tenant-missing")
	}
	raw(t, address, "GET / HTTP/1.0\r\n\r\n").wantProblem(t, 400, "tenant-missing")
	get(t, address, "/", "Host: a..test").wantProblem(t, 400, "tenant-malformed")
	if asked != nil {
		t.Errorf("looked up %q", asked)
	}
}

// With subdomains and custom domains together, a host that nobody owns looks like
// one whose tenant is hidden, in both orders.
func TestSubdomainAndDomain(t *testing.T) {
	domains := owners(func(_ context.Context, host string) (string, error) {
		switch host {
		case "acme.test":
			return "id-acme", nil
		case "late.test":
			return "id-late", nil
		}
		return "", tenancy.ErrNotFound
	})
	subdomain, domain := tenancyhttp.Subdomain("example.com"), tenancyhttp.Domain(domains)
	for _, resolver := range []tenancyhttp.Resolver{tenancyhttp.First(subdomain, domain), tenancyhttp.First(domain, subdomain)} {
		address := serve(t, guarded(t, resolver, tenancyhttp.WithHidden()))
		get(t, address, "/", "Host: acme.test").wantTenant(t, "acme")
		get(t, address, "/", "Host: globex.example.com").wantTenant(t, "globex")
		for _, host := range []string{"nobody.test", "late.test", "late.example.com", "nobody.example.com"} {
			get(t, address, "/", "Host: "+host).wantProblem(t, 404, "tenant-not-found")
		}
		get(t, address, "/", "Host: a_b.example.com").wantProblem(t, 400, "tenant-malformed")
	}

	// Nobody gets the host of another, or what is below it, by registering that.
	// The service's own names are no tenant's: they are looked up.
	greedy := tenancyhttp.Domain(owners(func(context.Context, string) (string, error) { return "id-acme", nil }))
	address := serve(t, guarded(t, tenancyhttp.First(subdomain, greedy)))
	get(t, address, "/", "Host: globex.example.com").wantTenant(t, "globex")
	get(t, address, "/", "Host: nobody.example.com").wantProblem(t, 404, "tenant-not-found")
	get(t, address, "/", "Host: a.b.example.com").wantProblem(t, 400, "tenant-malformed")
	for _, host := range []string{"example.com", "www.example.com", "acme.test"} {
		get(t, address, "/", "Host: "+host).wantTenant(t, "acme")
	}
}
