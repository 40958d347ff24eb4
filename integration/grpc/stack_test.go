package grpc_test

import (
	"context"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthgrpc "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/contrib/grpc/tenancygrpc"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var silent = tenancygrpc.WithLogger(nil)

// newStack returns a database with the tenant acme, and a cache in front of it.
func newStack(tb testing.TB) (*memstore.Store, tenancy.Store) {
	tb.Helper()
	database := memstore.New()
	if _, err := database.Create(tb.Context(), tenancy.Tenant{ID: "id-acme", Identifier: "acme", Name: "Acme"}); err != nil {
		tb.Fatal(err)
	}
	store, err := ristrettotier.New(database)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = store.Close() })
	return database, store
}

// Through a cache: what is written by another process ends the streams, and the next call is
// refused.
func TestThroughACache(t *testing.T) {
	database, store := newStack(t)
	watcher, err := resolve.NewWatcher(store, resolve.Policy{}, resolve.WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = watcher.Close() })
	tenants, err := tenancygrpc.NewInterceptors(store, tenancygrpc.Metadata("x-tenant"), silent, tenancygrpc.WithWatcher(watcher))
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(tenants.Unary), grpc.ChainStreamInterceptor(tenants.Stream))
	healthgrpc.RegisterHealthServer(server, health.NewServer())
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
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	client := healthgrpc.NewHealthClient(conn)
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(t.Context(), "x-tenant", "acme"), 5*time.Minute)
	defer cancel()
	for range 3 { // the cache has it
		if _, err := client.Check(ctx, &healthgrpc.HealthCheckRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	stream, err := client.Watch(ctx, &healthgrpc.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	if _, err := database.SetStatus(ctx, "id-acme", tenancy.StatusSuspended); err != nil { // behind the cache's back
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.PermissionDenied {
		t.Errorf("the stream ended with %v", err)
	}
	if _, err := client.Check(ctx, &healthgrpc.HealthCheckRequest{}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("got %v", err)
	}
}

// The cost of the interceptor over a hit of the cache in the process, as a multiple of an
// interceptor that does nothing but look the tenant up there and put it into the context. Both
// take turns in the same run, so that they share what disturbs the machine.
func BenchmarkOverhead(b *testing.B) {
	_, store := newStack(b)
	type key struct{}
	bare := func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		names := metadata.ValueFromIncomingContext(ctx, "x-tenant")
		t, err := store.GetByIdentifier(ctx, names[0])
		if err != nil {
			return nil, err
		}
		return handler(context.WithValue(ctx, key{}, t), req)
	}
	ctx := metadata.NewIncomingContext(b.Context(), metadata.Pairs("x-tenant", "acme", ":authority", "acme.example.com:443", "tenant-id", "id-acme"))
	info, handler := &grpc.UnaryServerInfo{FullMethod: "/shop.Orders/List"}, grpc.UnaryHandler(func(context.Context, any) (any, error) { return nil, nil })
	claims := tenancygrpc.Claims(func(context.Context) (string, error) { return "id-acme", nil }, tenancygrpc.ByID())
	subdomain := tenancygrpc.Subdomain(resolve.Subdomains{Bases: []string{"example.com"}})
	for _, c := range []struct {
		name     string
		resolver tenancygrpc.Resolver
	}{
		{"metadata", tenancygrpc.Metadata("x-tenant")},
		{"subdomain", subdomain},
		{"claims", claims},
		{"carried", tenancygrpc.Carried()},
		{"first", tenancygrpc.First(subdomain, claims)},
		{"agree", tenancygrpc.Agree(claims, subdomain)},
	} {
		b.Run(c.name, func(b *testing.B) {
			tenants, err := tenancygrpc.NewInterceptors(store, c.resolver, silent)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			var baseline, subject time.Duration
			run := func(intercept grpc.UnaryServerInterceptor, n int) time.Duration {
				began := time.Now()
				for range n {
					if _, err := intercept(ctx, nil, info, handler); err != nil {
						b.Fatal(err)
					}
				}
				return time.Since(began)
			}
			b.StopTimer()
			for left := b.N; left > 0; left -= 1000 {
				n := min(left, 1000)
				baseline += run(bare, n)
				b.StartTimer()
				subject += run(tenants.Unary, n)
				b.StopTimer()
			}
			b.ReportMetric(float64(baseline.Nanoseconds())/float64(b.N), "bare-ns/op")
			b.ReportMetric(float64(subject)/float64(baseline), "x-bare")
		})
	}
}
