package monitoring_test

import (
	"testing"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/otel/oteltenancy"
	"github.com/go-tenancy/tenantstore/adapters/prometheus/promtenancy"
	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// An option that is nil, as a variable that was never set, changes nothing anywhere.
func TestNilOptions(t *testing.T) {
	shared, err := valkeytier.New(memstore.New(), valkey.ClientOption{InitAddress: []string{"127.0.0.1:1"}},
		nil, valkeytier.WithLogger(nil), valkeytier.WithTier(nil))
	if err != nil {
		t.Fatal(err)
	}
	local, err := ristrettotier.New(shared, nil, ristrettotier.WithTier(nil))
	if err != nil {
		t.Fatal(err)
	}
	store := must(promtenancy.Wrap(must(oteltenancy.Wrap(local))))
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := store.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
		t.Error(err)
	}
	must(tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain("example.com"), tenancyhttp.WithLogger(nil)))
}
