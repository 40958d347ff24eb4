package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// client talks to a service over a real socket.
type client struct {
	url  string
	http *http.Client
}

func newClient(t testing.TB, address string) *client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client{address, &http.Client{Transport: transport, Timeout: patience, CheckRedirect: stay}}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// call sends a request with the given header lines ("Name: value"); a body is
// JSON unless a line says otherwise.
func (c *client) call(t testing.TB, method, path, body string, header ...string) answer {
	t.Helper()
	got, err := c.try(t.Context(), method, path, body, header...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return got
}

func (c *client) try(ctx context.Context, method, path, body string, header ...string) (answer, error) {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.url+path, reader)
	if err != nil {
		return answer{}, err
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			r.Host = value
		} else {
			r.Header.Set(name, value)
		}
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(data)}, err
}

// tenant decodes an answer that must have the given status.
func (a answer) tenant(t testing.TB, status int) tenancy.Tenant {
	t.Helper()
	return decodeAs[tenancy.Tenant](t, a, status)
}

// list decodes an answer that must be a list.
func (a answer) list(t testing.TB) tenantList {
	t.Helper()
	return decodeAs[tenantList](t, a, http.StatusOK)
}

// all lists every tenant, by ID.
func (c *client) all(t testing.TB) iter.Seq2[string, tenancy.Tenant] {
	return func(yield func(string, tenancy.Tenant) bool) {
		t.Helper()
		for cursor := ""; ; {
			page := c.call(t, "GET", "/admin/tenants?limit=1000&cursor="+cursor, "").list(t)
			for _, tenant := range page.Tenants {
				if !yield(tenant.ID, tenant) {
					return
				}
			}
			if cursor = page.NextCursor; cursor == "" {
				return
			}
		}
	}
}

func decodeAs[T any](t testing.TB, a answer, status int) T {
	t.Helper()
	var v T
	if a.status != status {
		t.Fatalf("got status %d, want %d: %s", a.status, status, a.body)
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Fatalf("got Content-Type %q", got)
	}
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("answer %s: %v", a.body, err)
	}
	return v
}

// wantProblem checks that an answer is the problem with this status, code and
// field.
func (a answer) wantProblem(t testing.TB, status int, code, field string) {
	t.Helper()
	var p tenancyhttp.Problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("answer %d %q is no JSON: %v", a.status, a.body, err)
	}
	if a.status != status || p.Status != status || p.Code != code || p.Field != field {
		t.Errorf("got status %d: %s; want %d, code %q, field %q", a.status, a.body, status, code, field)
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("got Content-Type %q", got)
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("got Cache-Control %q", got)
	}
	if p.Title == "" || p.Type != "urn:tenantstore:problem:"+code {
		t.Errorf("incomplete problem: %s", a.body)
	}
	// Nobody is to repeat a write that may have happened.
	again := status == http.StatusServiceUnavailable && p.Detail != "The write may or may not have happened."
	if retry := a.header.Get("Retry-After"); again != (retry != "") {
		t.Errorf("got status %d with Retry-After %q", status, retry)
	}
}

// newService serves store, a new memstore if nil, and returns a client of it.
// Everything the service logs is in the buffer.
func newService(t testing.TB, store tenancy.Store) (*client, *logBuffer) {
	if store == nil {
		store = memstore.New()
	}
	seen, m, err := observed(store)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := seen.Close(); err != nil {
			t.Error(err)
		}
	})
	var log logBuffer
	s := &service{
		store: seen, base: "localhost", log: slog.New(slog.NewTextHandler(&log, nil)),
		requests: m.requests, metrics: m.handler(),
	}
	server := httptest.NewServer(must(s.handler()))
	t.Cleanup(server.Close)
	return newClient(t, server.URL), &log
}

// logBuffer collects a log of many goroutines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// patience tells a test that hangs from one on a busy machine.
const patience = 5 * time.Minute

// program is run, under way.
type program struct {
	*client
	log    *logBuffer
	cancel context.CancelFunc // what the first signal does
	done   chan error
}

// start runs the whole program, but for its signals, and waits until it serves.
func start(t testing.TB, cfg config) *program {
	t.Helper()
	if cfg.addr == "" {
		cfg.addr = "127.0.0.1:0"
	}
	cfg.base = "localhost"
	p := &program{log: &logBuffer{}, done: make(chan error, 1)}
	var ctx context.Context
	ctx, p.cancel = context.WithCancel(context.Background())
	t.Cleanup(p.cancel)
	out := make(hintsSeen, 1)
	go func() { p.done <- run(ctx, cfg, slog.New(slog.NewTextHandler(p.log, nil)), out) }()
	select {
	case address := <-out:
		p.client = newClient(t, address)
	case err := <-p.done:
		t.Fatalf("run ended: %v\n%s", err, p.log)
	case <-time.After(patience):
		t.Fatalf("run does not serve\n%s", p.log)
	}
	return p
}

// stop ends the program as a signal does, and waits for it.
func (p *program) stop(t testing.TB) {
	t.Helper()
	p.cancel()
	select {
	case err := <-p.done:
		if err != nil {
			t.Fatalf("run: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("run does not end")
	}
}

// hintsSeen is a writer for printHints that finds the address in them.
type hintsSeen chan string

var urlPattern = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

func (h hintsSeen) Write(p []byte) (int, error) {
	if found := urlPattern.Find(p); found != nil {
		h <- string(found)
	}
	return len(p), nil
}

func newDB(t testing.TB) config { return config{path: filepath.Join(t.TempDir(), "tenants.db")} }

// eachDatabase runs test with a new database of every kind.
func eachDatabase(t *testing.T, test func(t *testing.T, cfg config)) {
	t.Run("SQLite", func(t *testing.T) { test(t, newDB(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, config{dsn: newPostgres(t)}) })
	t.Run("MySQL", func(t *testing.T) { test(t, config{dsn: newMySQL(t)}) })
}

// another returns a new database of the kind of cfg.
func another(t testing.TB, cfg config) config {
	switch {
	case isMySQL(cfg.dsn):
		return config{dsn: newMySQL(t)}
	case cfg.dsn != "":
		return config{dsn: newPostgres(t)}
	}
	return newDB(t)
}

// newPostgres creates a database for the test and returns its URL.
func newPostgres(t testing.TB) string {
	t.Helper()
	dsn := server(t, "PostgreSQL", "TENANTSTORE_POSTGRES")
	name := newDatabase(t, "pgx", dsn, " WITH (FORCE)") // the driver of bunpg
	if !strings.Contains(dsn, "://") {
		return dsn + " dbname=" + name
	}
	u := parsed(t, dsn)
	u.Path = "/" + name
	return u.String()
}

// newMySQL creates a database for the test and returns its URL.
func newMySQL(t testing.TB) string {
	t.Helper()
	u := parsed(t, server(t, "MySQL", "TENANTSTORE_MYSQL"))
	password, _ := u.User.Password()
	u.Path = "/" + newDatabase(t, "mysql", u.User.Username()+":"+password+"@tcp("+u.Host+")/", "") // the driver of bunmysql
	return u.String()
}

// server returns the address of the server that tests share.
func server(t testing.TB, kind, variable string) string {
	t.Helper()
	address := os.Getenv(variable)
	if address == "" {
		how := "needs a " + kind + " server: run the tests by `make test`, or set " + variable
		if os.Getenv("CI") != "" || os.Getenv("TENANTSTORE_REQUIRE_SERVERS") != "" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	return address
}

func parsed(t testing.TB, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal("the address of the shared server is no URL") // err would show it, with its password
	}
	return u
}

// newDatabase creates a database for the test and returns its name.
func newDatabase(t testing.TB, driver, dsn, drop string) string {
	t.Helper()
	admin, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal("the address of the shared server is no DSN")
	}
	name := "quickstart_" + strings.ReplaceAll(tenancy.NewID(), "-", "")
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.ExecContext(context.Background(), "DROP DATABASE "+name+drop); err != nil {
			t.Error(err)
		}
		if err := admin.Close(); err != nil {
			t.Error(err)
		}
	})
	return name
}

// must is for arguments that are right.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
