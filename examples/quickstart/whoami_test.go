package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestWhoami(t *testing.T) {
	store := memstore.New()
	c, _ := newService(t, store)
	metadata, err := tenancy.ParseMetadata([]byte(`{"domain":"mit.edu","plan":"secret plan"}`))
	if err != nil {
		t.Fatal(err)
	}
	odd, err := tenancy.ParseMetadata([]byte(`{"domain":17}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tenant := range []tenancy.Tenant{
		{Identifier: "mit-edu", Name: "MIT", Metadata: metadata, DatabaseURL: tenancy.NewSecret("postgres://canary")},
		{Identifier: "odd", Name: "Odd", Metadata: odd},
		{Identifier: "new", Name: "New", Status: tenancy.StatusProvisioning},
		{Identifier: "late", Name: "Late", Status: tenancy.StatusSuspended},
		{Identifier: "gone", Name: "Gone", Status: tenancy.StatusDeleted},
	} {
		if _, err := store.Create(t.Context(), tenant); err != nil {
			t.Fatal(err)
		}
	}
	whoami := func(host string) answer { return c.call(t, "GET", "/whoami", "", "Host: "+host) }

	got := whoami("MIT-edu.localhost.:8080")
	if want := `{"identifier":"mit-edu","name":"MIT","domain":"mit.edu"}` + "\n"; got.status != http.StatusOK || got.body != want {
		t.Errorf("got %d %s, want %s", got.status, got.body, want)
	}
	if got.header.Get("Cache-Control") != "no-store" {
		t.Error("the answer may be cached")
	}
	if got := whoami("odd.localhost"); got.status != http.StatusOK || got.body != `{"identifier":"odd","name":"Odd"}`+"\n" {
		t.Errorf("got %d %s", got.status, got.body)
	}
	whoami("new.localhost").wantProblem(t, 503, "tenant-not-ready", "")
	whoami("late.localhost").wantProblem(t, 403, "tenant-suspended", "")
	whoami("gone.localhost").wantProblem(t, 404, "tenant-not-found", "")
	whoami("unknown.localhost").wantProblem(t, 404, "tenant-not-found", "")
	whoami("mit_edu.localhost").wantProblem(t, 400, "tenant-malformed", "")
	whoami("a.mit-edu.localhost").wantProblem(t, 400, "tenant-malformed", "")
	whoami("localhost").wantProblem(t, 400, "tenant-missing", "")
	whoami("my_service:8080").wantProblem(t, 400, "tenant-missing", "")
	whoami("mit-edu.example.com").wantProblem(t, 404, "tenant-not-found", "") // nobody's domain

	head := c.call(t, "HEAD", "/whoami", "", "Host: mit-edu.localhost")
	if head.status != http.StatusOK || head.body != "" {
		t.Errorf("HEAD: got %d %q", head.status, head.body)
	}
}

// What no HTTP client would send.
func TestWhoamiRawHosts(t *testing.T) {
	c, _ := newService(t, nil)
	for _, request := range []string{
		"GET /whoami HTTP/1.1\r\nConnection: close\r\n\r\n",
		"GET /whoami HTTP/1.0\r\n\r\n",
		"GET /whoami HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n",
		"GET /whoami HTTP/1.1\r\nHost: a.localhost\r\nHost: b.localhost\r\nConnection: close\r\n\r\n",
		"GET /whoami HTTP/1.1\r\nHost: mit-edu.localhost:99999999\r\nConnection: close\r\n\r\n",
		"GET /whoami HTTP/1.1\r\nHost: mit%2eedu.localhost\r\nConnection: close\r\n\r\n",
		"GET http://a..localhost/whoami HTTP/1.1\r\nHost: mit-edu.localhost\r\nConnection: close\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(c.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%q: %v", request, err)
		}
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: got %s", request, resp.Status)
		}
		_ = resp.Body.Close()
		_ = conn.Close()
	}
}

// outage is a store that does not answer.
type outage struct {
	tenancy.Store
	err error
}

func (o outage) GetByIdentifier(context.Context, string) (tenancy.Tenant, error) {
	return tenancy.Tenant{}, o.err
}
func (outage) HasNames() bool                                 { return true }
func (o outage) Exists(context.Context, string) (bool, error) { return false, o.err }
func (o outage) Create(context.Context, tenancy.Tenant) (tenancy.Tenant, error) {
	return tenancy.Tenant{}, o.err
}

func TestOutage(t *testing.T) {
	for _, err := range []error{
		fmt.Errorf("%w: canary-7", tenancy.ErrUnavailable),
		&tenancy.Error{Err: tenancy.ErrClosed},
		&tenancy.Error{Err: context.DeadlineExceeded},
	} {
		c, log := newService(t, outage{memstore.New(), err})
		got := c.call(t, "GET", "/whoami", "", "Host: mit-edu.localhost")
		got.wantProblem(t, 503, "unavailable", "")
		if strings.Contains(got.body, "canary-7") {
			t.Errorf("the answer tells what failed inside: %s", got.body)
		}
		if !strings.Contains(log.String(), err.Error()) {
			t.Errorf("%v is not in the log: %s", err, log)
		}
		c.call(t, "GET", "/readyz", "").wantProblem(t, 503, "unavailable", "")
		c.call(t, "POST", "/admin/tenants", `{"identifier":"acme","name":"Acme"}`).wantProblem(t, 503, "unavailable", "")
		if got := c.call(t, "GET", "/healthz", ""); got.status != http.StatusOK {
			t.Errorf("/healthz: got %d: the process is alive", got.status)
		}
	}
	unknown, never := "The write may or may not have happened", "The write has not happened"
	for err, want := range map[error]string{
		tenancy.ErrUnavailable: unknown,
		fmt.Errorf("%w: %w", tenancy.ErrUnavailable, tenancy.ErrNotApplied): never,
	} {
		c, _ := newService(t, outage{memstore.New(), err})
		got := c.call(t, "POST", "/admin/tenants", `{"identifier":"acme","name":"Acme"}`)
		if !strings.Contains(got.body, want) {
			t.Errorf("a write with %v: %s, want %q", err, got.body, want)
		}
		got = c.call(t, "GET", "/readyz", "")
		if strings.Contains(got.body, unknown) || strings.Contains(got.body, never) {
			t.Errorf("a read with %v: %s", err, got.body)
		}
	}
	c, _ := newService(t, outage{memstore.New(), errors.New("canary-8")})
	got := c.call(t, "GET", "/whoami", "", "Host: mit-edu.localhost")
	got.wantProblem(t, 503, "unavailable", "")
	if strings.Contains(got.body, "canary-8") {
		t.Errorf("the answer tells what failed inside: %s", got.body)
	}
}

func TestHealth(t *testing.T) {
	c, _ := newService(t, nil)
	for path, want := range map[string]string{"/healthz": "alive", "/readyz": "ready"} {
		if got := decodeAs[health](t, c.call(t, "GET", path, ""), http.StatusOK); got.Status != want {
			t.Errorf("%s: got %q", path, got.Status)
		}
	}
}
