package frameworks_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var silent = tenancyhttp.WithLogger(nil)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// newStore has the active tenants acme and globex, and late, which is suspended. Their IDs are
// id- and the identifier.
func newStore(t *testing.T) *memstore.Store {
	t.Helper()
	store := memstore.New()
	t.Cleanup(func() { _ = store.Close() })
	for identifier, status := range map[string]tenancy.Status{
		"acme": tenancy.StatusActive, "globex": tenancy.StatusActive, "late": tenancy.StatusSuspended,
	} {
		must(store.Create(t.Context(), tenancy.Tenant{ID: "id-" + identifier, Identifier: identifier, Name: identifier, Status: status}))
	}
	return store
}

// inTenant is the context of a request for a tenant.
func inTenant(t *testing.T, store tenancy.Getter, identifier string) context.Context {
	t.Helper()
	return tenancy.NewContext(t.Context(), must(store.GetByIdentifier(t.Context(), identifier)))
}
