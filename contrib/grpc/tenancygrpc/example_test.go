package tenancygrpc_test

import (
	"context"
	"fmt"
	"log"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/go-tenancy/tenantstore/contrib/grpc/tenancygrpc"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func ExampleNewInterceptors() {
	store := memstore.New() // or any other
	defer store.Close()
	watcher, err := resolve.NewWatcher(store, resolve.Policy{})
	if err != nil {
		log.Fatal(err)
	}
	defer watcher.Close()
	tenants, err := tenancygrpc.NewInterceptors(store, tenancygrpc.Metadata("x-tenant-id"),
		tenancygrpc.WithWatcher(watcher), tenancygrpc.WithSkipMethods("/grpc.health.v1.Health/Check"))
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(tenants.Unary), grpc.ChainStreamInterceptor(tenants.Stream))
	defer server.Stop()
}

// The token's tenant counts, and the client must not name another.
func ExampleAgree() {
	store := memstore.New()
	defer store.Close()
	type token struct{}
	_, err := store.Create(context.Background(), tenancy.Tenant{ID: "7", Identifier: "acme", Name: "Acme"})
	if err != nil {
		log.Fatal(err)
	}
	tenants, err := tenancygrpc.NewInterceptors(store, tenancygrpc.Agree(
		tenancygrpc.Claims(func(ctx context.Context) (string, error) {
			id, ok := ctx.Value(token{}).(string) // put there by an interceptor in front
			if !ok {
				return "", resolve.ErrUnauthenticated
			}
			return id, nil
		}, tenancygrpc.ByID()),
		tenancygrpc.Metadata("x-tenant")))
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.WithValue(context.Background(), token{}, "7")
	for _, name := range []string{"acme", "globex"} {
		ctx := metadata.NewIncomingContext(ctx, metadata.Pairs("x-tenant", name))
		_, err := tenants.Unary(ctx, nil, &grpc.UnaryServerInfo{FullMethod: "/shop.Orders/List"}, func(ctx context.Context, _ any) (any, error) {
			fmt.Println("orders of", tenancy.MustFromContext(ctx).Name)
			return nil, nil
		})
		fmt.Println(err)
	}
	// Output:
	// orders of Acme
	// <nil>
	// rpc error: code = PermissionDenied desc = The request names more than one tenant.
}
