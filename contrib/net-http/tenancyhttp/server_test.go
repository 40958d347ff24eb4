package tenancyhttp_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// answer is what a client sees.
type answer struct {
	status int
	header http.Header
	body   string
	proto  string
}

// wantProblem checks everything that a refusal must have.
func (a answer) wantProblem(t testing.TB, status int, code string) {
	t.Helper()
	var p tenancyhttp.Problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("status %d, body %q: %v", a.status, a.body, err)
	}
	if a.status != status || p.Status != status || p.Code != code || p.Type != "urn:tenantstore:problem:"+code || p.Title == "" {
		t.Errorf("got %d %s, want %d %s", a.status, a.body, status, code)
	}
	if a.header.Get("Content-Type") != "application/problem+json" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("header %v", a.header)
	}
	if has := a.header.Get("Retry-After") != ""; has != (status == http.StatusServiceUnavailable) {
		t.Errorf("status %d, Retry-After %q", status, a.header.Get("Retry-After"))
	}
	if has := a.header.Get("WWW-Authenticate") != ""; has != (status == http.StatusUnauthorized) {
		t.Errorf("status %d, WWW-Authenticate %q", status, a.header.Get("WWW-Authenticate"))
	}
}

func (a answer) wantTenant(t testing.TB, identifier string) {
	t.Helper()
	if a.status != http.StatusOK || a.body != "tenant "+identifier {
		t.Errorf("got %d %q, want tenant %q", a.status, a.body, identifier)
	}
}

// whoami answers with the tenant in the context.
var whoami = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	t, _ := tenancy.FromContext(r.Context())
	_, _ = io.WriteString(w, "tenant "+t.Identifier)
})

// people has tenants in every status.
var people = getter{
	"acme":   {ID: "id-acme", Identifier: "acme", Name: "Acme", Status: tenancy.StatusActive},
	"globex": {ID: "id-globex", Identifier: "globex", Name: "Globex", Status: tenancy.StatusActive},
	"late":   {ID: "id-late", Identifier: "late", Name: "Late", Status: tenancy.StatusSuspended},
	"new":    {ID: "id-new", Identifier: "new", Name: "New", Status: tenancy.StatusProvisioning},
	"gone":   {ID: "id-gone", Identifier: "gone", Name: "Gone", Status: tenancy.StatusDeleted},
	"odd":    {ID: "id-odd", Identifier: "odd", Name: "Odd", Status: "archived"},

	"xn--bcher-kva": {ID: "id-books", Identifier: "xn--bcher-kva", Name: "Bücher", Status: tenancy.StatusActive},
}

var silent = tenancyhttp.WithLogger(slog.New(slog.DiscardHandler))

// guarded is the middleware in front of whoami.
func guarded(t testing.TB, resolver tenancyhttp.Resolver, opts ...tenancyhttp.Option) http.Handler {
	t.Helper()
	m, err := tenancyhttp.NewMiddleware(people, resolver, slices.Concat([]tenancyhttp.Option{silent}, opts)...)
	if err != nil {
		t.Fatal(err)
	}
	return m(whoami)
}

// serve serves h on a socket of 127.0.0.1 and returns its address.
func serve(t testing.TB, h http.Handler) string {
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Start()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// raw sends text, as it is, and reads the answer.
func raw(t testing.TB, address, text string) answer {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(text, " ")
	return read(t, conn, method)
}

func read(t testing.TB, conn net.Conn, method string) answer {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	return readAll(t, resp)
}

func readAll(t testing.TB, resp *http.Response) answer {
	t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body), resp.Proto}
}

// get sends a request of HTTP/1.1 with these header lines.
func get(t testing.TB, address, target string, lines ...string) answer {
	t.Helper()
	return raw(t, address, "GET "+target+" HTTP/1.1\r\n"+strings.Join(append(lines, "Connection: close"), "\r\n")+"\r\n\r\n")
}

// http2 serves h over HTTP/2 and returns a client that sends everything there,
// whatever the host of the URL.
func http2(t testing.TB, h http.Handler) *http.Client {
	server := httptest.NewUnstartedServer(h)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	transport := &http.Transport{
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // its certificate is for example.com
		DialContext:       dialer(server.Listener.Addr().String()),
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// over2 sends a request over HTTP/2.
func over2(t testing.TB, client *http.Client, method, url string, lines ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			r.Host = value
		} else {
			r.Header.Add(name, value)
		}
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	a := readAll(t, resp)
	if a.proto != "HTTP/2.0" {
		t.Fatalf("over %s", a.proto)
	}
	return a
}

// must is for arguments that are right.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
