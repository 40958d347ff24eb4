// A service of gRPC that has its tenants somewhere else, and needs the interceptors alone.
package main

import (
	"context"
	"log"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/go-tenancy/tenantstore/contrib/grpc/tenancygrpc"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// directory is a tenancy.Getter.
type directory map[string]tenancy.Tenant

func (d directory) GetByID(_ context.Context, id string) (tenancy.Tenant, error) {
	for _, t := range d {
		if t.ID == id {
			return t, nil
		}
	}
	return tenancy.Tenant{}, tenancy.ErrNotFound
}

func (d directory) GetByIdentifier(_ context.Context, identifier string) (tenancy.Tenant, error) {
	if t, ok := d[identifier]; ok {
		return t, nil
	}
	return tenancy.Tenant{}, tenancy.ErrNotFound
}

func main() {
	tenants := directory{"acme": {ID: "1", Identifier: "acme", Name: "Acme Inc.", Status: tenancy.StatusActive}}
	interceptors, err := tenancygrpc.NewInterceptors(tenants, tenancygrpc.Metadata("x-tenant"))
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(interceptors.Unary), grpc.ChainStreamInterceptor(interceptors.Stream))
	defer server.Stop()
	for identifier, want := range map[string]codes.Code{"acme": codes.OK, "globex": codes.NotFound} {
		ctx := metadata.NewIncomingContext(context.Background(), metadata.Pairs("x-tenant", identifier))
		_, err := interceptors.Unary(ctx, nil, &grpc.UnaryServerInfo{FullMethod: "/shop.Orders/List"}, func(ctx context.Context, _ any) (any, error) {
			return tenancy.MustFromContext(ctx).ID, nil
		})
		if status.Code(err) != want {
			log.Fatalf("%q: %v, want %v", identifier, err, want)
		}
	}
}
