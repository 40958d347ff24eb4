package tenantclient_test

import (
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/http/tenantclient"
	"github.com/go-tenancy/tenantstore/adapters/http/tenantserver"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// served is a store and how it is served.
type served struct {
	source tenancy.Source
	http   *httptest.Server
}

// serve serves source until the end of the test.
func serve(tb testing.TB, source tenancy.Source) *served {
	tb.Helper()
	server, err := tenantserver.New(source, tenantserver.Full, tenantserver.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		tb.Fatal(err)
	}
	s := &served{source: source, http: httptest.NewServer(server)}
	tb.Cleanup(func() {
		_ = server.Close()
		s.http.Close()
		_ = source.Close()
	})
	return s
}

// open opens a client, which the caller closes.
func (s *served) open(tb testing.TB, opts ...tenantclient.Option) *tenantclient.Store {
	tb.Helper()
	opts = append([]tenantclient.Option{tenantclient.WithPollInterval(time.Second)}, opts...)
	store, err := tenantclient.Open(s.http.URL, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	return store
}

// fleet opens clients for a suite, each below a stack, and knows what each is a client of.
type fleet struct {
	stack   func(testing.TB, tenancy.Source) tenancy.Store
	servers sync.Map
}

func (f *fleet) open(tb testing.TB, s *served) tenancy.Store {
	tb.Helper()
	store := f.stack(tb, s.open(tb))
	f.servers.Store(store, s)
	return store
}

func (f *fleet) of(s tenancy.Store) *served {
	v, _ := f.servers.Load(s)
	return v.(*served) //nolint:forcetypeassert // nothing else is in there
}
