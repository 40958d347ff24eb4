package tenancygrpc_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/go-tenancy/tenantstore/contrib/grpc/tenancygrpc"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/carry"
)

// wantOK expects that the server has ended the stream.
func wantOK(t *testing.T, s grpc.ClientStream) {
	t.Helper()
	if err := s.RecvMsg(new(wrapperspb.StringValue)); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ended with %v", err)
	}
}

// behind is a cache that has not heard of any tenant.
type behind struct{ *memstore.Store }

func (behind) GetByID(context.Context, string) (tenancy.Tenant, error) {
	return tenancy.Tenant{}, tenancy.ErrNotFound
}

// From one service to another: the tenant goes along, is looked up again as it was or later, and
// refused when it is not served any more.
func TestBetweenServices(t *testing.T) {
	store, tenants := newTenants(t, "acme", "globex")
	odd := must(store.Create(t.Context(), tenancy.Tenant{ID: "org 7 ö,%", Identifier: "odd-one", Name: "Odd"}))
	i := must(tenancygrpc.NewInterceptors(behind{store}, tenancygrpc.Carried(), silent))
	cc := dial(t, serve(t, i, echo), grpc.WithChainUnaryInterceptor(tenancygrpc.InjectUnary), grpc.WithChainStreamInterceptor(tenancygrpc.InjectStream))
	for _, tenant := range []tenancy.Tenant{tenants["acme"], odd} {
		ctx := tenancy.NewContext(as(t, "x", "y", carry.KeyID, "forwarded"), tenant)
		if got, err := who(ctx, cc); got != tenant.Identifier || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		if got, err := say(openChat(t, ctx, cc)); got != tenant.Identifier || err != nil {
			t.Errorf("the stream got %q, %v", got, err)
		}
		if md, _ := metadata.FromOutgoingContext(ctx); len(md.Get(carry.KeyID)) != 1 || md.Get(carry.KeyID)[0] != "forwarded" {
			t.Errorf("the caller's metadata are %v", md)
		}
	}
	if _, err := who(as(t), cc); status.Code(err) != codes.InvalidArgument {
		t.Errorf("without a tenant: %v", err)
	}
	must(store.SetStatus(t.Context(), tenants["acme"].ID, tenancy.StatusSuspended))
	if _, err := who(tenancy.NewContext(as(t), tenants["acme"]), cc); status.Code(err) != codes.PermissionDenied {
		t.Errorf("a tenant that was suspended since: %v", err)
	}
	raw := dial(t, serve(t, i, echo))
	for name, pairs := range map[string][]string{
		"two IDs": {carry.KeyID, "id-acme", carry.KeyID, "id-globex"}, "two revisions": {carry.KeyID, "a", carry.KeyRevision, "1", carry.KeyRevision, "2"},
		"not escaped": {carry.KeyID, "%zz"}, "no revision": {carry.KeyID, "id-acme", carry.KeyRevision, "one"},
	} {
		if _, err := who(as(t, pairs...), raw); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A gateway that resolves the tenant by another way, and calls on.
	var inner string
	front := must(tenancygrpc.NewInterceptors(store, tenancygrpc.Metadata("tenant"), silent, tenancygrpc.WithPolicy(resolve.Policy{Optional: true})))
	gateway := dial(t, serve(t, front, func(s grpc.ServerStream) (err error) {
		if inner, err = who(s.Context(), cc); err != nil {
			return err
		}
		return s.SendMsg(wrapperspb.String(inner))
	}))
	if got, err := say(openChat(t, as(t, "tenant", "globex"), gateway)); got != "globex" || err != nil {
		t.Errorf("through a gateway: %q, %v", got, err)
	}
}
