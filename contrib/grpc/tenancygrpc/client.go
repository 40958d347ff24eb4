package tenancygrpc

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/carry"
)

// InjectUnary is a [grpc.UnaryClientInterceptor] that sends the tenant of the context along, for
// [Carried]. A call without a tenant is sent as it is. Use it for connections to your own services
// only: others would learn the tenant's ID.
func InjectUnary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	return invoker(inject(ctx), method, req, reply, cc, opts...)
}

// InjectStream is [InjectUnary] for streams, a [grpc.StreamClientInterceptor].
func InjectStream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	return streamer(inject(ctx), desc, cc, method, opts...)
}

func inject(ctx context.Context) context.Context {
	if _, ok := tenancy.FromContext(ctx); !ok {
		return ctx
	}
	md, ok := metadata.FromOutgoingContext(ctx) // a copy
	if !ok {
		md = metadata.MD{}
	}
	_ = carry.Inject(ctx, carrier(md)) // there is a tenant
	return metadata.NewOutgoingContext(ctx, md)
}

// carrier is metadata as a [carry.Carrier].
type carrier metadata.MD

func (c carrier) Get(key string) string {
	if values := metadata.MD(c).Get(key); len(values) > 0 {
		return values[0]
	}
	return ""
}

func (c carrier) Set(key, value string) { metadata.MD(c).Set(key, value) }
