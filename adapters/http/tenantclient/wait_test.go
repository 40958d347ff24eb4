package tenantclient_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/http/tenantclient"
	"github.com/go-tenancy/tenantstore/adapters/http/tenantserver"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// TestWaitIsWoken: a change ends Wait by the stream, long before the poll would.
func TestWaitIsWoken(t *testing.T) {
	source := memstore.New()
	s := serve(t, source)
	store := s.open(t, tenantclient.WithPollInterval(24*time.Hour))
	defer func() { _ = store.Close() }()
	b, err := store.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	woken := make(chan error)
	go func() { woken <- waitFor(t, store, b.Newest) }()
	if _, err := source.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	if err := <-woken; err != nil {
		t.Error(err)
	}
}

// waitFor waits until the log holds more than the position.
func waitFor(t *testing.T, store tenancy.Source, at tenancy.Position) error {
	for {
		if err := store.Wait(t.Context(), at); err != nil {
			return err
		}
		if changes, err := store.Changes(t.Context(), at, 0); err != nil || len(changes) > 0 {
			return err
		}
	}
}

// TestWaitWithoutStream: behind a proxy that lets no stream through, Wait polls.
func TestWaitWithoutStream(t *testing.T) {
	source := memstore.New()
	handler, err := tenantserver.New(source, tenantserver.Full)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = handler.Close() }()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/watch") {
			<-r.Context().Done() // as one that collects the whole answer
			return
		}
		handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	store := openAt(t, server.URL, tenantclient.WithPollInterval(24*time.Hour))
	defer func() { _ = store.Close() }() // before the server, which waits for the stream
	b, err := store.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	woken := make(chan error)
	go func() { woken <- waitFor(t, store, b.Newest) }()
	if _, err := source.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	if err := <-woken; err != nil {
		t.Error(err)
	}
}
