package http_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Through a cache: what is written by another process is obeyed by the next
// request that comes after the change was followed, and by open streams.
func TestThroughACache(t *testing.T) {
	database := newStore(t)
	store, err := ristrettotier.New(database)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	watcher, err := tenancyhttp.NewWatcher(store, silent)
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Close()

	mux := http.NewServeMux()
	mux.Handle("/whoami", whoami)
	opened, ended := make(chan struct{}), make(chan error, 1)
	mux.Handle("/events", watcher.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(opened)
		<-r.Context().Done()
		ended <- context.Cause(r.Context())
	})))
	server := httptest.NewServer(must(tenancyhttp.NewMiddleware(store, tenancyhttp.Header("X-Tenant"), silent))(mux))
	defer server.Close()
	get := func(path string) (int, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		if err != nil {
			return 0, err
		}
		r.Header.Set("X-Tenant", "acme")
		resp, err := server.Client().Do(r)
		if err != nil {
			return 0, err
		}
		return resp.StatusCode, resp.Body.Close()
	}
	for range 3 { // the cache has it
		if status, err := get("/whoami"); status != http.StatusOK || err != nil {
			t.Fatalf("got %d, %v", status, err)
		}
	}
	go func() { _, _ = get("/events") }()
	<-opened
	if _, err := database.SetStatus(t.Context(), "id-acme", tenancy.StatusSuspended); err != nil { // behind the cache's back
		t.Fatal(err)
	}
	if cause := <-ended; !errors.Is(cause, resolve.ErrNotServed) {
		t.Errorf("the stream ended by %v", cause)
	}
	// The stream ends after the cache has obeyed the change: no request may pass.
	if status, err := get("/whoami"); status != http.StatusForbidden || err != nil {
		t.Errorf("got %d, %v", status, err)
	}
}

// nothing is a handler that the compiler cannot see through.
var nothing http.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }

// The cost of the middleware over a hit of the cache in the process, as a
// multiple of a middleware that does nothing but look the tenant up there and
// r.WithContext(context.WithValue(…)). Both take turns in the same run, so that
// they share what disturbs the machine.
func BenchmarkOverhead(b *testing.B) {
	store, err := ristrettotier.New(newStore(b))
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	type key struct{}
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, err := store.GetByIdentifier(r.Context(), "acme")
		if err != nil {
			b.Error(err)
		}
		nothing.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, t)))
	})
	claims := tenancyhttp.Claims(func(*http.Request) (string, error) { return "id-acme", nil }, tenancyhttp.ByID())
	for _, c := range []struct {
		name     string
		resolver tenancyhttp.Resolver
		target   string
	}{
		{"subdomain", tenancyhttp.Subdomain("example.com"), "https://acme.example.com/orders"},
		{"header", tenancyhttp.Header("X-Tenant"), "https://example.com/orders"},
		{"path_prefix", tenancyhttp.PathPrefix("/t/"), "https://example.com/t/acme/orders"},
		{"claims", claims, "https://example.com/orders"},
		{"first", tenancyhttp.First(tenancyhttp.Subdomain("example.com"), claims), "https://acme.example.com/orders"},
		{"agree", tenancyhttp.Agree(claims, tenancyhttp.Subdomain("example.com")), "https://acme.example.com/orders"},
	} {
		b.Run(c.name, func(b *testing.B) {
			h := must(tenancyhttp.NewMiddleware(store, c.resolver, silent))(nothing)
			r := httptest.NewRequest(http.MethodGet, c.target, nil)
			r.Header.Set("X-Tenant", "acme")
			w := &sink{http.Header{}}
			b.ReportAllocs()
			var baseline, subject time.Duration
			run := func(h http.Handler, n int) time.Duration {
				began := time.Now()
				for range n {
					clear(w.header)
					h.ServeHTTP(w, r)
				}
				return time.Since(began)
			}
			b.StopTimer()
			for left := b.N; left > 0; left -= 1000 {
				n := min(left, 1000)
				baseline += run(bare, n)
				b.StartTimer()
				subject += run(h, n)
				b.StopTimer()
			}
			b.ReportMetric(float64(baseline.Nanoseconds())/float64(b.N), "bare-ns/op")
			b.ReportMetric(float64(subject)/float64(baseline), "x-bare")
		})
	}
}
