package tenancyhttp_test

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// one is a getter of one tenant that costs nothing.
type one struct{ tenant tenancy.Tenant }

func (o *one) GetByID(context.Context, string) (tenancy.Tenant, error) { return o.tenant, nil }
func (o *one) GetByIdentifier(context.Context, string) (tenancy.Tenant, error) {
	return o.tenant, nil
}

// sink is a ResponseWriter that is used again and again.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }

// nothing is a handler that the compiler cannot see through.
var nothing http.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

type costCase struct {
	name     string
	resolver tenancyhttp.Resolver
	request  *http.Request
	opts     []tenancyhttp.Option
}

func costCases() []costCase {
	claims := tenancyhttp.Claims(func(*http.Request) (string, error) { return "id-acme", nil }, tenancyhttp.ByID())
	subdomain := tenancyhttp.Subdomain("example.com")
	routed := request("h", "/")
	routed.SetPathValue("tenant", "acme")
	return []costCase{
		{"subdomain", subdomain, request("acme.example.com:8080", "/"), nil},
		{"header", tenancyhttp.Header("X-Tenant"), request("h", "/", "X-Tenant", "acme"), nil},
		{"domain", tenancyhttp.Domain(owners(func(context.Context, string) (string, error) { return "id-acme", nil })), request("acme.test", "/"), nil},
		{"path_prefix", tenancyhttp.PathPrefix("/t/"), request("h", "/t/acme/orders"), nil},
		{"path_value", tenancyhttp.PathValue("tenant"), routed, nil},
		{"claims", claims, request("h", "/"), nil},
		{"first", tenancyhttp.First(subdomain, claims), request("acme.example.com", "/"), nil},
		{"agree", tenancyhttp.Agree(claims, subdomain), request("acme.example.com", "/"), nil},
		{"options", subdomain, request("acme.example.com", "/orders"), []tenancyhttp.Option{
			tenancyhttp.WithObserver(&nobody{}), tenancyhttp.WithSkipPaths("/healthz", "/static/"), tenancyhttp.WithSkipPreflight(), tenancyhttp.WithHidden(),
		}},
	}
}

type nobody struct{}

func (*nobody) ObserveRequest(context.Context, resolve.Event) {}

// A request costs five allocations at most: the tenant, the context and the
// request for the next handler, and whatever the resolver needs. For its time, see
// BenchmarkOverhead in integration/http.
func TestAllocations(t *testing.T) {
	for _, c := range costCases() {
		h := must(tenancyhttp.NewMiddleware(&one{people["acme"]}, c.resolver, append(c.opts, silent)...))(nothing)
		w := &sink{http.Header{}}
		got := usualAllocs(func() {
			clear(w.header)
			h.ServeHTTP(w, c.request)
		})
		if got > 5 {
			t.Errorf("%s: %v allocations, want at most 5", c.name, got)
		}
		t.Logf("%s: %v", c.name, got)
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
