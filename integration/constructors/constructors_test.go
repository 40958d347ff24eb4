// Package constructors_test calls every constructor of the modules with what somebody
// has forgotten to set.
package constructors_test

import (
	"context"
	"errors"
	"testing"

	"github.com/uptrace/bun"
	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/adapters/otel/oteltenancy"
	"github.com/go-tenancy/tenantstore/adapters/prometheus/promtenancy"
	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/contrib/grpc/tenancygrpc"
	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
	"github.com/go-tenancy/tenantstore/core/tenantpool"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// absent is a nil pointer of a store: not nil, once it is a tenancy.Store.
var absent *memstore.Store

// A nil store or option is refused at once, not at the first call.
func TestNilIsRefused(t *testing.T) {
	ctx := t.Context()
	store := memstore.New()
	defer store.Close()
	nowhere := valkey.ClientOption{InitAddress: []string{"127.0.0.1:1"}}
	open := func(context.Context, tenancy.Tenant) (int, error) { return 0, nil }
	subdomain := tenancyhttp.Subdomain("example.com")
	for name, construct := range map[string]func() error{
		"driver.Extend(nil)": func() error { return of(driver.Extend(nil)) },

		"observe.Wrap(nil)":          func() error { return of(observe.Wrap(nil, observe.Config{})) },
		"observe.Wrap(absent)":       func() error { return of(observe.Wrap(absent, observe.Config{})) },
		"promtenancy.Wrap(nil)":      func() error { return of(promtenancy.Wrap(nil)) },
		"promtenancy.Wrap(absent)":   func() error { return of(promtenancy.Wrap(absent)) },
		"promtenancy.Wrap, option":   func() error { return of(promtenancy.Wrap(store, nil)) },
		"promtenancy.HTTP, option":   func() error { return of(promtenancy.NewHTTPObserver(nil)) },
		"oteltenancy.Wrap(nil)":      func() error { return of(oteltenancy.Wrap(nil)) },
		"oteltenancy.Wrap(absent)":   func() error { return of(oteltenancy.Wrap(absent)) },
		"oteltenancy.Wrap, option":   func() error { return of(oteltenancy.Wrap(store, nil)) },
		"oteltenancy.HTTP, option":   func() error { return of(oteltenancy.NewHTTPObserver(nil)) },
		"promtenancy.Pool(nil)":      func() error { return of(promtenancy.NewPoolObserver(nil)) },
		"oteltenancy.Pool(nil)":      func() error { return of(oteltenancy.NewPoolObserver(nil)) },
		"replica.New(nil)":           func() error { return of(replica.New(nil)) },
		"replica.New(absent)":        func() error { return of(replica.New(absent)) },
		"replica.New, option":        func() error { return of(replica.New(store, nil)) },
		"replica.Open(nil)":          func() error { return of(replica.Open(nil)) },
		"resolve.NewWatcher(nil)":    func() error { return of(resolve.NewWatcher(nil, resolve.Policy{})) },
		"resolve.NewWatcher(absent)": func() error { return of(resolve.NewWatcher(absent, resolve.Policy{})) },
		"resolve.NewWatcher, option": func() error { return of(resolve.NewWatcher(store, resolve.Policy{}, nil)) },

		"tenantpool.New(nil)":    func() error { return of(tenantpool.New(nil, open, nil)) },
		"tenantpool.New(absent)": func() error { return of(tenantpool.New(absent, open, nil)) },
		"tenantpool.New, open":   func() error { return of(tenantpool.New[int](store, nil, nil)) },
		"tenantpool.New, option": func() error { return of(tenantpool.New(store, open, nil, nil)) },

		"tier.New(nil)":    func() error { return of(tier.New(nil, tier.Local(faults.NewLocal()))) },
		"tier.New(absent)": func() error { return of(tier.New(absent, tier.Local(faults.NewLocal()))) },
		"tier.New, cache":  func() error { return of(tier.New(store, tier.Local(nil))) },
		"tier.New, option": func() error { return of(tier.New(store, tier.Local(faults.NewLocal()), nil)) },

		"ristrettotier.New(nil)":         func() error { return of(ristrettotier.New(nil)) },
		"ristrettotier.New, option":      func() error { return of(ristrettotier.New(store, nil)) },
		"ristrettotier.NewCache, option": func() error { return of(ristrettotier.NewCache(nil)) },

		"valkeytier.New(nil)":           func() error { return of(valkeytier.New(nil, nowhere)) },
		"valkeytier.NewWithClient(nil)": func() error { return of(valkeytier.NewWithClient(store, nil)) },
		"valkeytier.NewCache, option":   func() error { return of(valkeytier.NewCache(nowhere, nil)) },
		"valkeytier.NewCacheWithClient": func() error { return of(valkeytier.NewCacheWithClient(nil)) },
		"valkeytier.NewBus, option":     func() error { return of(valkeytier.NewBus(nowhere, nil)) },

		"tenancygrpc.New(nil)":      func() error { return of(tenancygrpc.NewInterceptors(nil, tenancygrpc.Carried())) },
		"tenancygrpc.New(absent)":   func() error { return of(tenancygrpc.NewInterceptors(absent, tenancygrpc.Carried())) },
		"tenancygrpc.New, resolver": func() error { return of(tenancygrpc.NewInterceptors(store, nil)) },
		"tenancygrpc.New, option":   func() error { return of(tenancygrpc.NewInterceptors(store, tenancygrpc.Carried(), nil)) },

		"tenancyhttp.NewMiddleware(nil)":      func() error { return of(tenancyhttp.NewMiddleware(nil, subdomain)) },
		"tenancyhttp.NewMiddleware(absent)":   func() error { return of(tenancyhttp.NewMiddleware(absent, subdomain)) },
		"tenancyhttp.NewMiddleware, resolver": func() error { return of(tenancyhttp.NewMiddleware(store, nil)) },
		"tenancyhttp.NewMiddleware, option":   func() error { return of(tenancyhttp.NewMiddleware(store, subdomain, nil)) },
		"tenancyhttp.Subdomain, option": func() error {
			return of(tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain("example.com", nil)))
		},
		"tenancyhttp.NewWatcher(nil)":    func() error { return of(tenancyhttp.NewWatcher(nil)) },
		"tenancyhttp.NewWatcher(absent)": func() error { return of(tenancyhttp.NewWatcher(absent)) },
		"tenancyhttp.NewWatcher, option": func() error { return of(tenancyhttp.NewWatcher(store, nil)) },

		"bunstore.New(nil)":      func() error { return of(bunstore.New(nil)) },
		"bunstore.New, option":   func() error { return of(bunstore.New(&bun.DB{}, nil)) },
		"bunpg.Open, option":     func() error { return of(bunpg.Open(ctx, "postgres://127.0.0.1:1/x", nil)) },
		"bunsqlite.Open, option": func() error { return of(bunsqlite.Open(ctx, t.TempDir()+"/x.db", nil)) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := construct(); !errors.Is(err, tenancy.ErrInvalid) {
				t.Errorf("it returns %v, want an error that wraps ErrInvalid", err)
			}
		})
	}
}

func of[T any](_ T, err error) error { return err }
