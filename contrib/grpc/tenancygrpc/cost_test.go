package tenancygrpc_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/go-tenancy/tenantstore/contrib/grpc/tenancygrpc"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/carry"
)

// one is a getter of one tenant that costs nothing.
type one struct{ tenant tenancy.Tenant }

func (o *one) GetByID(context.Context, string) (tenancy.Tenant, error)         { return o.tenant, nil }
func (o *one) GetByIdentifier(context.Context, string) (tenancy.Tenant, error) { return o.tenant, nil }
func (o *one) GetByDomain(context.Context, string) (tenancy.Tenant, error)     { return o.tenant, nil }

type nobody struct{}

func (*nobody) ObserveRequest(context.Context, resolve.Event) {}

// A call costs at most four allocations. For its time, see BenchmarkOverhead in
// integration/grpc.
func TestAllocations(t *testing.T) {
	cert := &x509.Certificate{URIs: []*url.URL{must(url.Parse("spiffe://example.com/tenant/acme"))}}
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs(":authority", "acme.example.com:443", "tenant", "acme", carry.KeyID, "id-acme", carry.KeyRevision, "0"))
	ctx = peer.NewContext(ctx, &peer.Peer{AuthInfo: credentials.TLSInfo{State: tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{cert}}}}})
	getter := &one{people["acme"]}
	subdomain := tenancygrpc.Subdomain(resolve.Subdomains{Bases: []string{"example.com"}})
	claims := tenancygrpc.Claims(func(context.Context) (string, error) { return "id-acme", nil }, tenancygrpc.ByID())
	for name, resolver := range map[string]tenancygrpc.Resolver{
		"metadata": tenancygrpc.Metadata("tenant"), "subdomain": subdomain, "domain": tenancygrpc.Domain(getter), "claims": claims,
		"spiffe": tenancygrpc.SPIFFE("example.com", "/tenant/"), "carried": tenancygrpc.Carried(), "first": tenancygrpc.First(subdomain, claims),
		"agree": tenancygrpc.Agree(claims, tenancygrpc.Metadata("tenant")),
	} {
		i := must(tenancygrpc.NewInterceptors(getter, resolver, silent, tenancygrpc.WithObserver(&nobody{}), tenancygrpc.WithSkipMethods("/grpc.health.v1.Health/")))
		info, handler := &grpc.UnaryServerInfo{FullMethod: unaryMethod}, grpc.UnaryHandler(func(context.Context, any) (any, error) { return nil, nil })
		streamInfo, streamHandler := &grpc.StreamServerInfo{FullMethod: chatMethod}, grpc.StreamHandler(func(any, grpc.ServerStream) error { return nil })
		incoming := grpc.ServerStream(contextStream{ctx: ctx})
		for kind, call := range map[string]func() error{
			"unary":  func() error { _, err := i.Unary(ctx, nil, info, handler); return err },
			"stream": func() error { return i.Stream(nil, incoming, streamInfo, streamHandler) },
		} {
			most := 4.0
			if kind == "stream" {
				most++ // the stream with the context
			}
			if got := usualAllocs(func() {
				if err := call(); err != nil {
					t.Fatal(err)
				}
			}); got > most {
				t.Errorf("%s %s: %v allocations, want at most %v", kind, name, got, most)
			} else {
				t.Logf("%s %s: %v", kind, name, got)
			}
		}
	}
}

// usualAllocs is the median of what 101 calls of f allocate: under the race
// detector, single calls may cost more.
func usualAllocs(f func()) float64 {
	var runs [101]float64
	for i := range runs {
		runs[i] = testing.AllocsPerRun(1, f)
	}
	slices.Sort(runs[:])
	return runs[len(runs)/2]
}
