package monitoring_test

import (
	"errors"
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

// An option that is nil, as a variable that was never set, is refused everywhere; a nil
// logger logs nothing.
func TestNilOptions(t *testing.T) {
	address := valkey.ClientOption{InitAddress: []string{"127.0.0.1:1"}}
	for name, try := range map[string]func() error{
		"valkeytier":    func() error { _, err := valkeytier.New(memstore.New(), address, nil); return err },
		"its tier":      func() error { _, err := valkeytier.New(memstore.New(), address, valkeytier.WithTier(nil)); return err },
		"ristrettotier": func() error { _, err := ristrettotier.New(memstore.New(), nil); return err },
		"promtenancy":   func() error { _, err := promtenancy.Wrap(memstore.New(), nil); return err },
		"oteltenancy":   func() error { _, err := oteltenancy.Wrap(memstore.New(), nil); return err },
		"tenancyhttp": func() error {
			_, err := tenancyhttp.NewMiddleware(memstore.New(), tenancyhttp.Subdomain("example.com"), nil)
			return err
		},
	} {
		if err := try(); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
	shared, err := valkeytier.New(memstore.New(), address, valkeytier.WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	local, err := ristrettotier.New(shared)
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
