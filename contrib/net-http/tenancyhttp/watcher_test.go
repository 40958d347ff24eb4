package tenancyhttp_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// events stream until the context ends, and then say why.
var eventStream = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, "open\n")
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
	_, _ = fmt.Fprintf(w, "%v\n", context.Cause(r.Context()))
})

// hijacked does the same on the bare connection, as WebSockets do.
var hijacked = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\nopen\n")
	<-r.Context().Done()
	_, _ = fmt.Fprintf(conn, "%v\n", context.Cause(r.Context()))
})

func newTenants(t testing.TB, identifiers ...string) (*memstore.Store, map[string]tenancy.Tenant) {
	t.Helper()
	store, tenants := memstore.New(memstore.WithSoftDelete()), map[string]tenancy.Tenant{}
	t.Cleanup(func() { _ = store.Close() })
	for _, identifier := range identifiers {
		created, err := store.Create(t.Context(), tenancy.Tenant{Identifier: identifier, Name: identifier})
		if err != nil {
			t.Fatal(err)
		}
		tenants[identifier] = created
	}
	return store, tenants
}

func newWatcher(t testing.TB, store tenancy.Store, opts ...tenancyhttp.Option) *tenancyhttp.Watcher {
	t.Helper()
	w, err := tenancyhttp.NewWatcher(store, append(opts, silent)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// open sends a request and waits until the stream says that it is open.
func open(t testing.TB, address, path, host string) *bufio.Reader {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(5 * time.Minute))
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(conn)
	wantLine(t, lines, "open\n")
	return lines
}

// wantLine reads up to the line.
func wantLine(t testing.TB, lines *bufio.Reader, want string) {
	t.Helper()
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("waiting for %q: %v, got %q", want, err, line)
		}
		if line == want {
			return
		}
	}
}

func TestWatcher(t *testing.T) {
	store, tenants := newTenants(t, "acme", "globex", "initech", "hooli")
	watcher := newWatcher(t, store)
	mux := http.NewServeMux()
	mux.Handle("/events", watcher.Middleware(eventStream))
	mux.Handle("/socket", watcher.Middleware(hijacked))
	address := serve(t, must(tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain("example.com"), silent))(mux))

	events, socket := open(t, address, "/events", "acme.example.com"), open(t, address, "/socket", "acme.example.com")
	removed, other := open(t, address, "/events", "globex.example.com"), open(t, address, "/socket", "initech.example.com")
	purged := open(t, address, "/events", "hooli.example.com")

	notServed := resolve.ErrNotServed.Error() + "\n"
	rename := tenants["initech"]
	rename.Identifier, rename.Revision = "initrode", tenancy.AnyRevision
	if _, err := store.Update(t.Context(), rename); err != nil { // which ends nothing
		t.Fatal(err)
	}
	if _, err := store.SetStatus(t.Context(), tenants["acme"].ID, tenancy.StatusSuspended); err != nil {
		t.Fatal(err)
	}
	wantLine(t, events, notServed)
	wantLine(t, socket, notServed)
	if err := store.Delete(t.Context(), tenants["globex"].ID); err != nil {
		t.Fatal(err)
	}
	wantLine(t, removed, notServed)
	if err := store.Purge(t.Context(), tenants["hooli"].ID); err != nil {
		t.Fatal(err)
	}
	wantLine(t, purged, notServed)

	if err := watcher.Close(); err != nil {
		t.Fatal(err)
	}
	wantLine(t, other, resolve.ErrWatcherClosed.Error()+"\n") // only now
	get(t, address, "/events", "Host: initrode.example.com").wantProblem(t, 503, "unavailable")
	if err := watcher.Close(); err != nil {
		t.Error(err)
	}
}

// A tenant that is suspended after the middleware has looked, and before the
// watcher does, is not served: however late the watcher learns of it.
func TestWatcherAdmits(t *testing.T) {
	store, tenants := newTenants(t, "acme")
	watcher := newWatcher(t, store)
	for _, row := range []struct {
		change func() error
		status int
		code   string
	}{
		{func() error { return nil }, 200, ""},
		{func() error {
			_, err := store.SetStatus(t.Context(), tenants["acme"].ID, tenancy.StatusSuspended)
			return err
		}, 403, "tenant-suspended"},
		{func() error { return store.Purge(t.Context(), tenants["acme"].ID) }, 404, "tenant-not-found"},
		{func() error { return store.Close() }, 503, "unavailable"},
	} {
		h := watcher.Middleware(whoami)
		between := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := row.change(); err != nil {
				t.Error(err)
			}
			h.ServeHTTP(w, r)
		})
		static := must(tenancyhttp.NewMiddleware(getter{"acme": tenants["acme"]}, tenancyhttp.Subdomain("example.com"), silent))
		got := get(t, serve(t, static(between)), "/", "Host: acme.example.com")
		if row.status == http.StatusOK {
			got.wantTenant(t, "acme")
		} else {
			got.wantProblem(t, row.status, row.code)
		}
	}
}

func TestWatcherWithoutTenant(t *testing.T) {
	store, _ := newTenants(t)
	get(t, serve(t, newWatcher(t, store).Middleware(whoami)), "/", "Host: h").wantTenant(t, "")
}

func TestWatcherEndsWithTheStore(t *testing.T) {
	store, _ := newTenants(t, "acme")
	watcher := newWatcher(t, store)
	address := serve(t, must(tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain("example.com"), silent))(watcher.Middleware(eventStream)))
	stream := open(t, address, "/", "acme.example.com")
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	wantLine(t, stream, resolve.ErrWatcherClosed.Error()+"\n")
}

// lagging is a source that answers from an old snapshot wherever it may.
type lagging struct {
	tenancy.Source
	old tenancy.Versioned
}

func (l *lagging) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	if len(want) == 1 && want[0].Min <= l.old.AsOf.Revision {
		return []tenancy.Versioned{l.old}, nil
	}
	return l.Source.Load(ctx, want)
}

// What the watcher knows of, no request gets around by a cache that does not.
func TestWatcherAdmitsByWhatItHasSeen(t *testing.T) {
	store, tenants := newTenants(t, "acme")
	old, err := store.Load(t.Context(), []tenancy.Lookup{{Key: tenancy.IDKey(tenants["acme"].ID)}})
	if err != nil {
		t.Fatal(err)
	}
	watcher := newWatcher(t, &lagging{store, old[0]})
	address := serve(t, must(tenancyhttp.NewMiddleware(getter{"acme": tenants["acme"]}, tenancyhttp.Subdomain("example.com"), silent))(watcher.Middleware(eventStream)))
	first := open(t, address, "/", "acme.example.com")
	if _, err := store.SetStatus(t.Context(), tenants["acme"].ID, tenancy.StatusSuspended); err != nil {
		t.Fatal(err)
	}
	wantLine(t, first, resolve.ErrNotServed.Error()+"\n")
	get(t, address, "/", "Host: acme.example.com").wantProblem(t, 403, "tenant-suspended")
}
