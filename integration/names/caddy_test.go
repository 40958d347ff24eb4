//go:build unix

package names

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// newStore returns a store with a tenant, who has verified shop.test and claimed claim.test.
func newStore(t *testing.T) *memstore.Store {
	t.Helper()
	store := memstore.New()
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := store.Create(t.Context(), tenancy.Tenant{ID: "id-acme", Identifier: "acme", Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	for _, domain := range []string{"shop.test", "claim.test", "later.test"} {
		if _, err := store.AddDomain(t.Context(), "id-acme", domain); err != nil {
			t.Fatal(err)
		}
	}
	verify(t, store, "shop.test")
	return store
}

func verify(t *testing.T, store *memstore.Store, domain string) {
	t.Helper()
	if _, err := store.VerifyDomain(t.Context(), "id-acme", domain); err != nil {
		t.Fatal(err)
	}
}

func ok[T any](t *testing.T, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A real Caddy asks before it issues certificates from its own authority.
func TestCaddyAsks(t *testing.T) {
	store := newStore(t)
	whoami := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, tenancy.MustFromContext(r.Context()).Name)
	})
	m, err := tenancyhttp.NewMiddleware(store, tenancyhttp.Domain(store))
	app := httptest.NewServer(ok(t, m, err)(whoami))
	defer app.Close()
	handler, err := tenancyhttp.Ask(store)
	ok(t, handler, err)
	var asked atomic.Int64
	var down atomic.Bool
	ask := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if down.Load() {
			tenancyhttp.Error(w, r, tenancy.ErrUnavailable)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	defer ask.Close()
	caddy := servers.NewCaddy(t, ask.URL+"/ask", strings.TrimPrefix(app.URL, "http://"))

	refused := func(name, why string) {
		t.Helper()
		before := asked.Load()
		if conn, err := (&tls.Dialer{Config: &tls.Config{ServerName: name, InsecureSkipVerify: true}}).DialContext(t.Context(), "tcp", caddy.Addr()); err == nil {
			t.Errorf("%s: there is a certificate for %s", why, name)
			_ = conn.Close()
		}
		if asked.Load() == before {
			t.Errorf("%s: Caddy has not asked about %s, so that this shows nothing", why, name)
		}
	}
	refused("nobody.test", "an unknown domain")
	refused("claim.test", "a claim")
	refused("www.shop.test", "a name below a domain")
	served(t, caddy, "shop.test", "Acme")
	verify(t, store, "later.test")
	down.Store(true)
	refused("later.test", "while nobody can answer")
	down.Store(false)
	served(t, caddy, "later.test", "Acme")
	if _, err := store.RemoveDomain(t.Context(), "id-acme", "shop.test"); err != nil {
		t.Fatal(err)
	}
	served(t, caddy, "shop.test", "tenant-not-found") // the certificate is there; who is behind it is for the middleware
}

// served expects a page with this text, under a certificate for the name from Caddy's authority.
func served(t *testing.T, caddy *servers.Caddy, name, text string) {
	t.Helper()
	var chain []*x509.Certificate
	config := &tls.Config{ServerName: name, InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error {
		chain = s.PeerCertificates
		return nil
	}}
	conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", caddy.Addr())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer conn.Close()
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	root, err := caddy.Root()
	if !roots.AppendCertsFromPEM(ok(t, root, err)) {
		t.Fatal("the authority has no certificate")
	}
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: intermediates}); err != nil {
		t.Errorf("the certificate of %s: %v", name, err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+name+"/", nil)
	if err := ok(t, request, err).Write(conn); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if got := string(ok(t, body, err)); !strings.Contains(got, text) {
		t.Errorf("%s: %d %q, want %q", name, answer.StatusCode, got, text)
	}
}

// The manager of autocert obtains nothing for names that the policy refuses, and goes to the
// authority for others.
func TestAutocertHostPolicy(t *testing.T) {
	store := newStore(t)
	policy, err := tenancyhttp.HostPolicy(store)
	if err != nil {
		t.Fatal(err)
	}
	var reached atomic.Int64
	authority := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached.Add(1)
		w.WriteHeader(http.StatusBadRequest)
	}))
	defer authority.Close()
	manager := &autocert.Manager{Prompt: autocert.AcceptTOS, HostPolicy: policy, Client: &acme.Client{DirectoryURL: authority.URL}}
	hello := func(name string) error {
		server, client := net.Pipe()
		defer server.Close()
		defer client.Close()
		_, err := manager.GetCertificate(&tls.ClientHelloInfo{ServerName: name, Conn: server})
		return err
	}
	for _, name := range []string{"nobody.test", "claim.test", "www.shop.test"} {
		if err := hello(name); !errors.Is(err, tenancy.ErrNotFound) || reached.Load() > 0 {
			t.Errorf("%s: %v, after %d requests to the authority", name, err, reached.Load())
		}
	}
	if err := hello("shop.test"); err == nil || errors.Is(err, tenancy.ErrNotFound) || reached.Load() == 0 {
		t.Errorf("a verified domain: %v, after %d requests to the authority", err, reached.Load())
	}
	if err := policy(context.Background(), "SHOP.test"); err != nil {
		t.Error(err)
	}
}
