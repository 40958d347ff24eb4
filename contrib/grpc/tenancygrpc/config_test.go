package tenancygrpc_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/contrib/grpc/tenancygrpc"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// noNames is a store without names.
type noNames struct{ tenancy.Store }

func TestMisconfigured(t *testing.T) {
	store := memstore.New()
	defer store.Close()
	good := tenancygrpc.Metadata("x-tenant")
	var noFunc tenancygrpc.Func
	for name, r := range map[string]tenancygrpc.Resolver{
		"a resolver is nil": nil, "a resolver is nil ": noFunc,
		`Metadata: ""`: tenancygrpc.Metadata(""), `Metadata: ":authority"`: tenancygrpc.Metadata(":authority"),
		`Metadata: "grpc-timeout"`: tenancygrpc.Metadata("grpc-timeout"), `Metadata: "x-bin"`: tenancygrpc.Metadata("x-bin"), `Metadata: "x y"`: tenancygrpc.Metadata("x y"),
		"an option of a resolver":        tenancygrpc.Metadata("x", nil),
		"First: needs":                   tenancygrpc.First(),
		"a resolver is nil  ":            tenancygrpc.First(good, nil),
		"Agree: needs two":               tenancygrpc.Agree(good),
		"Claims: the function":           tenancygrpc.Claims(nil),
		"Subdomain: there is no":         tenancygrpc.Subdomain(resolve.Subdomains{}),
		`Subdomain: "Example.com"`:       tenancygrpc.Subdomain(resolve.Subdomains{Bases: []string{"Example.com"}}),
		"Domain: the store is nil":       tenancygrpc.Domain(nil),
		"Domain: the store has no names": tenancygrpc.Domain(noNames{store}),
		`SPIFFE: "" is not`:              tenancygrpc.SPIFFE("", "/tenant/"),
		`SPIFFE: "a/b" is not`:           tenancygrpc.SPIFFE("a/b", "/tenant/"),
		`SPIFFE: "a:80" is not`:          tenancygrpc.SPIFFE("a:80", "/tenant/"),
		`SPIFFE: "A" is not`:             tenancygrpc.SPIFFE("A", "/tenant/"),
		`SPIFFE: the prefix "tenant/"`:   tenancygrpc.SPIFFE("a", "tenant/"),
		`SPIFFE: the prefix "/tenant"`:   tenancygrpc.SPIFFE("a", "/tenant"),
		`SPIFFE: the prefix "/a/../"`:    tenancygrpc.SPIFFE("a", "/a/../"),
		`SPIFFE: the prefix "/a//"`:      tenancygrpc.SPIFFE("a", "/a//"),
		"an option of a resolver is nil": tenancygrpc.CommonName(nil),
		"Claims: the function is nil ":   tenancygrpc.Agree(good, tenancygrpc.First(tenancygrpc.Claims(nil))),
	} {
		i, err := tenancygrpc.NewInterceptors(store, r)
		if i != nil || !errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), strings.TrimRight(name, " ")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var nobody *events
	for name, o := range map[string]tenancygrpc.Option{
		"an option is nil": nil, "WithObserver": tenancygrpc.WithObserver(nobody), "WithWatcher": tenancygrpc.WithWatcher(nil),
		`WithSkipMethods: "Who"`: tenancygrpc.WithSkipMethods("Who"), `WithSkipMethods: "/Who"`: tenancygrpc.WithSkipMethods("/Who"), `WithSkipMethods: "//"`: tenancygrpc.WithSkipMethods("//"),
		`WithSkipMethods: ""`: tenancygrpc.WithSkipMethods(""), `WithSkipMethods: "/"`: tenancygrpc.WithSkipMethods("/"), `WithSkipMethods: "a/b/"`: tenancygrpc.WithSkipMethods("a/b/"),
		`WithSkipMethods: "/a/b/"`: tenancygrpc.WithSkipMethods("/a/b/"), "status": tenancygrpc.WithPolicy(resolve.Policy{Served: []tenancy.Status{"odd"}}),
	} {
		if _, err := tenancygrpc.NewInterceptors(store, good, o); !errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// All at once.
	var noStore *memstore.Store
	_, err := tenancygrpc.NewInterceptors(noStore, tenancygrpc.Agree(tenancygrpc.Claims(nil), tenancygrpc.Metadata("")), nil, tenancygrpc.WithWatcher(nil))
	for _, want := range []string{"the getter is nil", "Claims", "Metadata", "an option is nil", "WithWatcher"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
	for _, r := range []tenancygrpc.Resolver{
		tenancygrpc.Domain(store), tenancygrpc.SPIFFE("example.com", "/"), tenancygrpc.SPIFFE("example.com", "/ns/prod/"), tenancygrpc.Carried(),
		tenancygrpc.Func(func(context.Context) (tenancy.Key, error) { return tenancy.Key{}, nil }),
	} {
		if _, err := tenancygrpc.NewInterceptors(store, r, tenancygrpc.WithObserver(nil), tenancygrpc.WithSkipMethods("/grpc.health.v1.Health/")); err != nil {
			t.Error(err)
		}
	}
}
