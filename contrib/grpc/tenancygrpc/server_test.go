package tenancygrpc_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/go-tenancy/tenantstore/contrib/grpc/tenancygrpc"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

var silent = tenancygrpc.WithLogger(nil)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// people are tenants in every status, by their identifiers.
var people = map[string]tenancy.Tenant{
	"acme":   {ID: "id-acme", Identifier: "acme", Name: "Acme", Status: tenancy.StatusActive},
	"globex": {ID: "id-globex", Identifier: "globex", Name: "Globex", Status: tenancy.StatusActive},
	"late":   {ID: "id-late", Identifier: "late", Name: "Late", Status: tenancy.StatusSuspended},
	"gone":   {ID: "id-gone", Identifier: "gone", Name: "Gone", Status: tenancy.StatusDeleted},
	"new":    {ID: "id-new", Identifier: "new", Name: "New", Status: tenancy.StatusProvisioning},
	"odd":    {ID: "id-odd", Identifier: "odd", Name: "Odd", Status: "archived"},
}

// directory is a getter of people, which fails if failure is set.
type directory struct{ failure error }

func (d directory) GetByID(ctx context.Context, id string) (tenancy.Tenant, error) {
	return d.find(func(t tenancy.Tenant) bool { return t.ID == id })
}

func (d directory) GetByIdentifier(_ context.Context, identifier string) (tenancy.Tenant, error) {
	return d.find(func(t tenancy.Tenant) bool { return t.Identifier == identifier })
}

func (d directory) GetByDomain(_ context.Context, domain string) (tenancy.Tenant, error) {
	return d.find(func(t tenancy.Tenant) bool { return t.Identifier+".test" == domain })
}

func (d directory) find(is func(tenancy.Tenant) bool) (tenancy.Tenant, error) {
	if d.failure != nil {
		return tenancy.Tenant{}, d.failure
	}
	for _, t := range people {
		if is(t) {
			return t, nil
		}
	}
	return tenancy.Tenant{}, tenancy.ErrNotFound
}

// service answers with the identifier of its tenant.
type service struct {
	chat func(grpc.ServerStream) error
}

func whoami(ctx context.Context) *wrapperspb.StringValue {
	t, _ := tenancy.FromContext(ctx)
	return wrapperspb.String(t.Identifier)
}

const (
	unaryMethod = "/test.Service/Who"
	chatMethod  = "/test.Service/Chat"
)

var chatDesc = grpc.StreamDesc{StreamName: "Chat", ServerStreams: true, ClientStreams: true, Handler: func(srv any, s grpc.ServerStream) error {
	return srv.(*service).chat(s)
}}

// serviceDesc is what protoc would write.
var serviceDesc = grpc.ServiceDesc{
	ServiceName: "test.Service", HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{chatDesc},
	Methods: []grpc.MethodDesc{{MethodName: "Who", Handler: func(srv any, ctx context.Context, decode func(any) error, chain grpc.UnaryServerInterceptor) (any, error) {
		in := new(wrapperspb.StringValue)
		if err := decode(in); err != nil {
			return nil, err
		}
		return chain(ctx, in, &grpc.UnaryServerInfo{Server: srv, FullMethod: unaryMethod}, func(ctx context.Context, _ any) (any, error) { return whoami(ctx), nil })
	}}},
}

// echo answers each message with the tenant, until the client has no more.
func echo(s grpc.ServerStream) error {
	for {
		if err := s.RecvMsg(new(wrapperspb.StringValue)); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := s.SendMsg(whoami(s.Context())); err != nil {
			return err
		}
	}
}

// serve starts a server on a socket, and returns its address.
func serve(t testing.TB, i *tenancygrpc.Interceptors, chat func(grpc.ServerStream) error, opts ...grpc.ServerOption) string {
	t.Helper()
	server := grpc.NewServer(append(opts, grpc.ChainUnaryInterceptor(i.Unary), grpc.ChainStreamInterceptor(i.Stream), grpc.WaitForHandlers(true))...)
	server.RegisterService(&serviceDesc, &service{chat})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

func dial(t testing.TB, address string, opts ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	return dialWith(t, address, insecure.NewCredentials(), opts...)
}

func dialWith(t testing.TB, address string, c credentials.TransportCredentials, opts ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	cc, err := grpc.NewClient("passthrough:///"+address, append(opts, grpc.WithTransportCredentials(c))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cc.Close() })
	return cc
}

// as is a context for calls with metadata.
func as(t testing.TB, pairs ...string) context.Context {
	ctx, cancel := context.WithTimeout(metadata.NewOutgoingContext(t.Context(), metadata.Pairs(pairs...)), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func who(ctx context.Context, cc *grpc.ClientConn, opts ...grpc.CallOption) (string, error) {
	out := new(wrapperspb.StringValue)
	err := cc.Invoke(ctx, unaryMethod, wrapperspb.String(""), out, opts...)
	return out.Value, err
}

func openChat(t testing.TB, ctx context.Context, cc *grpc.ClientConn, opts ...grpc.CallOption) grpc.ClientStream {
	t.Helper()
	s, err := cc.NewStream(ctx, &chatDesc, chatMethod, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// say sends a message, and returns the answer.
func say(s grpc.ClientStream) (string, error) {
	out := new(wrapperspb.StringValue)
	_ = s.SendMsg(wrapperspb.String("")) // RecvMsg says why not
	err := s.RecvMsg(out)
	return out.Value, err
}
