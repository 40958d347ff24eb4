package tenancygrpc_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/go-tenancy/tenantstore/conformance/resolvetest"
	"github.com/go-tenancy/tenantstore/contrib/grpc/tenancygrpc"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/carry"
)

// The suite speaks HTTP. A request becomes a call: its headers the metadata, its host the
// authority, and the status of a refusal the one that gRPC's gateways answer with. The rules
// about paths, Vary and caches do not apply.

var httpStatus = map[codes.Code]int{
	codes.Canceled: 499, codes.InvalidArgument: 400, codes.NotFound: 404, codes.PermissionDenied: 403, codes.Unauthenticated: 401, codes.Unavailable: 503,
}

// answer writes the status that a call has ended with.
func answer(w http.ResponseWriter, err error) {
	s := status.Convert(err)
	w.Header().Set("Cache-Control", "no-store")
	for _, detail := range s.Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok {
			w.Header().Set("Retry-After", strconv.FormatInt(retry.RetryDelay.Seconds, 10))
		}
	}
	if httpStatus[s.Code()] == 0 {
		panic(err)
	}
	w.WriteHeader(httpStatus[s.Code()])
	for _, detail := range s.Details() {
		if _, ok := detail.(*errdetails.RetryInfo); !ok { // its delay is random
			_, _ = fmt.Fprintf(w, "%v\n", detail)
		}
	}
	_, _ = fmt.Fprintln(w, s.Code(), s.Message())
}

// incoming is the context of the call that r stands for.
func incoming(r *http.Request) context.Context {
	md := metadata.MD{":authority": {r.Host}}
	for name, values := range r.Header {
		md[strings.ToLower(name)] = values
	}
	return metadata.NewIncomingContext(r.Context(), md)
}

// interceptor runs a call.
type interceptor func(ctx context.Context, handler func(ctx context.Context)) error

func unary(i *tenancygrpc.Interceptors) interceptor {
	return func(ctx context.Context, handler func(context.Context)) error {
		_, err := i.Unary(ctx, nil, &grpc.UnaryServerInfo{FullMethod: unaryMethod}, func(ctx context.Context, _ any) (any, error) {
			handler(ctx)
			return nil, nil
		})
		return err
	}
}

func stream(i *tenancygrpc.Interceptors) interceptor {
	return func(ctx context.Context, handler func(context.Context)) error {
		return i.Stream(nil, contextStream{ctx: ctx}, &grpc.StreamServerInfo{FullMethod: chatMethod}, func(_ any, s grpc.ServerStream) error {
			handler(s.Context())
			return nil
		})
	}
}

// contextStream is a stream that nobody reads or writes.
type contextStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s contextStream) Context() context.Context { return s.ctx }

// parts are what interceptors are made of. A mutant replaces some.
type parts struct {
	getter   tenancy.Getter
	resolver tenancygrpc.Resolver
	policy   resolve.Policy
	kind     func(*tenancygrpc.Interceptors) interceptor
	around   func(interceptor) interceptor
	context  func(*http.Request) context.Context
}

func harness(p parts, spoil func(*parts), h resolvetest.Harness) resolvetest.Harness {
	open := func(hidden bool) func(testing.TB, tenancy.Getter, http.Handler) http.Handler {
		return func(tb testing.TB, getter tenancy.Getter, next http.Handler) http.Handler {
			p := p
			p.getter, p.policy.Hidden = getter, hidden
			if spoil != nil {
				spoil(&p)
			}
			i, err := tenancygrpc.NewInterceptors(p.getter, p.resolver, tenancygrpc.WithPolicy(p.policy), silent)
			if err != nil {
				tb.Fatal(err)
			}
			call := p.kind(i)
			if p.around != nil {
				call = p.around(call)
			}
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if err := call(p.context(r), func(ctx context.Context) { next.ServeHTTP(w, r.WithContext(ctx)) }); err != nil {
					answer(w, err)
				}
			})
		}
	}
	h.Open, h.OpenHidden = open(false), open(true)
	return h
}

func request(host string, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://h/", nil)
	r.Host = host
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

// byMetadata sends names as X-Tenant.
func byMetadata() resolvetest.Harness {
	return resolvetest.Harness{
		Request: func(_ testing.TB, name string) *http.Request { return request("h", "X-Tenant", name) },
		Absent:  func(testing.TB) *http.Request { return request("h") },
		Both: func(_ testing.TB, one, other string) *http.Request {
			return request("h", "X-Tenant", one, "X-Tenant", other)
		},
	}
}

// certified is a context for the client whose verified certificate r tells.
func certified(r *http.Request) context.Context {
	ctx := incoming(r)
	name := r.Header.Get("X-Certificate")
	if name == "" {
		return ctx
	}
	cert := &x509.Certificate{Subject: pkix.Name{CommonName: name}, URIs: []*url.URL{{Scheme: "spiffe", Host: "example.com", Path: "/tenant/" + name + "/worker"}}}
	info := credentials.TLSInfo{State: tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{cert}}}}
	return peer.NewContext(ctx, &peer.Peer{AuthInfo: info})
}

func TestConformance(t *testing.T) {
	byCertificate := resolvetest.Harness{
		Request: func(_ testing.TB, name string) *http.Request { return request("h", "X-Certificate", name) },
		Absent:  func(testing.TB) *http.Request { return request("h") },
	}
	byID := byMetadata()
	byID.ByID = true
	twoKeys := byMetadata()
	twoKeys.Both = func(_ testing.TB, one, other string) *http.Request {
		return request("h", "X-Tenant", one, "X-Other", other)
	}
	noSlash := func(h resolvetest.Harness) resolvetest.Harness {
		h.Request = func(_ testing.TB, name string) *http.Request {
			if first, _, ok := strings.Cut(name, "/"); ok && tenancy.ValidateIdentifier(first) == nil && !strings.Contains(name, "..") {
				return nil // acme/globex is a path of acme
			}
			return request("h", "X-Certificate", name)
		}
		return h
	}
	authorityOf := func(name string) string { return name + ".example.com" }
	base := tenancygrpc.Subdomain(resolve.Subdomains{Bases: []string{"example.com"}})
	for name, c := range map[string]struct {
		resolver tenancygrpc.Resolver
		harness  resolvetest.Harness
	}{
		"metadata":       {tenancygrpc.Metadata("X-Tenant"), byMetadata()},
		"metadata by ID": {tenancygrpc.Metadata("x-tenant", tenancygrpc.ByID()), byID},
		"subdomain": {base, resolvetest.Harness{
			Request: func(_ testing.TB, name string) *http.Request {
				if strings.ToLower(name) != name && tenancy.ValidateIdentifier(strings.ToLower(name)) == nil {
					return nil // hosts have no case
				}
				return request(authorityOf(name))
			},
			Absent: func(testing.TB) *http.Request { return request("example.com") },
			Both:   func(_ testing.TB, one, other string) *http.Request { return request(authorityOf(one + "." + other)) },
		}},
		"common name": {tenancygrpc.CommonName(), byCertificate},
		"spiffe":      {tenancygrpc.SPIFFE("example.com", "/tenant/"), noSlash(byCertificate)},
		"claims": {tenancygrpc.Claims(func(ctx context.Context) (string, error) {
			if values := metadata.ValueFromIncomingContext(ctx, "x-token"); len(values) == 1 {
				return values[0], nil
			}
			return "", resolve.ErrUnauthenticated
		}), resolvetest.Harness{
			Request: func(_ testing.TB, name string) *http.Request { return request("h", "X-Token", name) },
			Absent:  func(testing.TB) *http.Request { return request("h") },
		}},
		"carried": {tenancygrpc.Carried(), resolvetest.Harness{
			ByID:    true,
			Request: func(_ testing.TB, name string) *http.Request { return request("h", carry.KeyID, url.QueryEscape(name)) },
			Absent:  func(testing.TB) *http.Request { return request("h") },
			Both: func(_ testing.TB, one, other string) *http.Request {
				return request("h", carry.KeyID, one, carry.KeyID, other)
			},
		}},
		"func": {tenancygrpc.Func(func(ctx context.Context) (tenancy.Key, error) {
			values := metadata.ValueFromIncomingContext(ctx, "x-tenant")
			if len(values) != 1 {
				return tenancy.Key{}, resolve.ErrAbsent
			}
			return tenancy.IdentifierKey(values[0]), nil
		}), byMetadata()},
		"first": {tenancygrpc.First(base, tenancygrpc.Metadata("x-tenant")), byMetadata()},
		"agree": {tenancygrpc.Agree(tenancygrpc.Metadata("x-tenant"), tenancygrpc.Metadata("x-other")), twoKeys},
	} {
		for kindName, kind := range map[string]func(*tenancygrpc.Interceptors) interceptor{"unary": unary, "stream": stream} {
			t.Run(name+"/"+kindName, func(t *testing.T) {
				resolvetest.Run(t, harness(parts{resolver: c.resolver, kind: kind, context: certified}, nil, c.harness))
			})
		}
	}
}

// verdict is a testing.TB that notes whether a rule was broken.
type verdict struct {
	testing.TB
	broken  atomic.Bool
	skipped bool
}

func (v *verdict) Helper()               {}
func (v *verdict) Errorf(string, ...any) { v.broken.Store(true) }
func (v *verdict) Fatalf(string, ...any) { v.broken.Store(true); panic(v) }
func (v *verdict) Skip(...any)           { v.skipped = true; panic(v) }

func judge(t *testing.T, r resolvetest.Rule, h resolvetest.Harness) *verdict {
	v := &verdict{TB: t}
	func() {
		defer func() {
			if p := recover(); p != nil && p != any(v) {
				panic(p)
			}
		}()
		r.Check(v, h)
	}()
	return v
}

// What the suite sees of the interceptors is enough for it to reject broken ones.
func TestMutants(t *testing.T) {
	around := func(f func(ctx context.Context, call interceptor, handler func(context.Context)) error) func(*parts) {
		return func(p *parts) {
			p.around = func(call interceptor) interceptor {
				return func(ctx context.Context, handler func(context.Context)) error { return f(ctx, call, handler) }
			}
		}
	}
	refusedBy := func(answered func(*status.Status, context.Context) error) func(*parts) {
		return around(func(ctx context.Context, call interceptor, handler func(context.Context)) error {
			err := call(ctx, handler)
			if err != nil {
				err = answered(status.Convert(err), ctx)
			}
			return err
		})
	}
	passes := func(code codes.Code) func(*parts) {
		return around(func(ctx context.Context, call interceptor, handler func(context.Context)) error {
			err := call(ctx, handler)
			if status.Code(err) == code {
				handler(tenancy.NewContext(ctx, people["acme"]))
				return nil
			}
			return err
		})
	}
	gets := func(get func(context.Context, tenancy.Getter, string) (tenancy.Tenant, error)) func(*parts) {
		return func(p *parts) { p.getter = getterFunc{p.getter, get} }
	}
	mutants := map[string][]func(*parts){
		"tenant-in-context": {around(func(ctx context.Context, call interceptor, handler func(context.Context)) error {
			return call(ctx, func(context.Context) { handler(ctx) })
		})},
		"requests-do-not-mix": {func(p *parts) {
			var once sync.Once
			var first tenancy.Tenant
			around(func(ctx context.Context, call interceptor, handler func(context.Context)) error {
				return call(ctx, func(ctx context.Context) {
					once.Do(func() { first = tenancy.MustFromContext(ctx) })
					handler(tenancy.NewContext(ctx, first))
				})
			})(p)
		}},
		"one-lookup": {gets(func(ctx context.Context, g tenancy.Getter, name string) (tenancy.Tenant, error) {
			_, _ = g.GetByIdentifier(ctx, name)
			return g.GetByIdentifier(ctx, name)
		})},
		"change-is-seen": {func(p *parts) {
			kept := map[string]tenancy.Tenant{}
			gets(func(ctx context.Context, g tenancy.Getter, name string) (t tenancy.Tenant, err error) {
				if t, ok := kept[name]; ok {
					return t, nil
				}
				if t, err = g.GetByIdentifier(ctx, name); err == nil {
					kept[name] = t
				}
				return t, err
			})(p)
		}},
		"lookup-has-the-request-context": {gets(func(_ context.Context, g tenancy.Getter, name string) (tenancy.Tenant, error) {
			return g.GetByIdentifier(context.Background(), name)
		})},
		"context-tenant-is-kept": {around(func(ctx context.Context, call interceptor, handler func(context.Context)) error {
			md, _ := metadata.FromIncomingContext(ctx)
			return call(metadata.NewIncomingContext(context.Background(), md), handler)
		})},
		"absent-is-refused":     {passes(codes.InvalidArgument)},
		"unknown-is-refused":    {passes(codes.NotFound)},
		"malformed-is-refused":  {passes(codes.InvalidArgument)},
		"only-active-is-served": {passes(codes.PermissionDenied), func(p *parts) { p.policy.Served = []tenancy.Status{tenancy.StatusActive, tenancy.StatusSuspended} }},
		"two-tenants-are-refused": {func(p *parts) {
			p.resolver = tenancygrpc.Func(func(ctx context.Context) (tenancy.Key, error) {
				return tenancy.IdentifierKey(append(metadata.ValueFromIncomingContext(ctx, "x-tenant"), "")[0]), nil
			})
		}},
		"outage-is-503": {
			gets(func(ctx context.Context, g tenancy.Getter, name string) (tenancy.Tenant, error) {
				t, err := g.GetByIdentifier(ctx, name)
				if err != nil {
					err = tenancy.ErrNotFound
				}
				return t, err
			}),
			refusedBy(func(s *status.Status, _ context.Context) error { return status.Error(s.Code(), s.Message()) }), // no RetryInfo
			refusedBy(func(s *status.Status, _ context.Context) error {
				if s.Code() == codes.Unavailable {
					return status.Error(codes.NotFound, "")
				}
				return s.Err()
			}),
		},
		"refusal-repeats-nothing": {refusedBy(func(s *status.Status, ctx context.Context) error {
			return status.Errorf(s.Code(), "%v", metadata.ValueFromIncomingContext(ctx, "x-tenant"))
		})},
		"hidden-looks-unknown": {
			func(p *parts) { p.policy.Hidden = false },
			refusedBy(func(s *status.Status, ctx context.Context) error {
				return status.Error(s.Code(), strconv.Itoa(len(metadata.ValueFromIncomingContext(ctx, "x-tenant")[0])))
			}),
		},
	}
	for _, r := range resolvetest.Rules() {
		sound := parts{resolver: tenancygrpc.Metadata("x-tenant"), kind: unary, context: incoming}
		t.Run(r.Name, func(t *testing.T) {
			if v := judge(t, r, harness(sound, nil, byMetadata())); v.broken.Load() {
				t.Fatal("the rule rejects what is sound")
			} else if v.skipped {
				return
			}
			for n, spoil := range mutants[r.Name] {
				if !judge(t, r, harness(sound, spoil, byMetadata())).broken.Load() {
					t.Errorf("the rule accepts mutant %d", n)
				}
			}
		})
		delete(mutants, r.Name)
	}
	for name := range mutants {
		t.Errorf("there is no rule %q", name)
	}
}

type getterFunc struct {
	tenancy.Getter
	get func(context.Context, tenancy.Getter, string) (tenancy.Tenant, error)
}

func (g getterFunc) GetByIdentifier(ctx context.Context, name string) (tenancy.Tenant, error) {
	return g.get(ctx, g.Getter, name)
}
