package http_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/goleak"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var silent = tenancyhttp.WithLogger(slog.New(slog.DiscardHandler))

// newStore has two active tenants and one that is suspended. Their IDs are id-
// and the identifier.
func newStore(tb testing.TB) *memstore.Store {
	tb.Helper()
	store := memstore.New()
	tb.Cleanup(func() { _ = store.Close() })
	for identifier, status := range map[string]tenancy.Status{
		"acme": tenancy.StatusActive, "globex": tenancy.StatusActive, "late": tenancy.StatusSuspended,
		"xn--bcher-kva": tenancy.StatusActive,
	} {
		_, err := store.Create(context.Background(), tenancy.Tenant{
			ID: "id-" + identifier, Identifier: identifier, Name: identifier, Status: status,
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	return store
}

// whoami answers with the tenant and the path.
var whoami = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	t, _ := tenancy.FromContext(r.Context())
	_, _ = fmt.Fprintf(w, "%s %s", t.Identifier, r.URL.EscapedPath())
})

// ask sends a request to h and returns status and body. Headers are pairs.
func ask(h http.Handler, target string, header ...string) string {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		return fmt.Sprint(w.Code)
	}
	return fmt.Sprint(w.Code, " ", w.Body)
}

// must is for arguments that are right.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
