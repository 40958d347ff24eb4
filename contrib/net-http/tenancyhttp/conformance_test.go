package tenancyhttp_test

import (
	"context"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/conformance/resolvetest"
	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// conform checks a resolver by the suite.
func conform(t *testing.T, resolver tenancyhttp.Resolver, h resolvetest.Harness) {
	t.Helper()
	open := func(opts ...tenancyhttp.Option) func(testing.TB, tenancy.Getter, http.Handler) http.Handler {
		return func(tb testing.TB, getter tenancy.Getter, next http.Handler) http.Handler {
			m, err := tenancyhttp.NewMiddleware(getter, resolver, slices.Concat(opts, []tenancyhttp.Option{silent})...)
			if err != nil {
				tb.Fatal(err)
			}
			return m(next)
		}
	}
	h.Open, h.OpenHidden = open(), open(tenancyhttp.WithHidden())
	resolvetest.Run(t, h)
}

func request(host, path string, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "http://example.com/", nil)
	r.Host = host
	r.URL.Path = path
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

func TestConformance(t *testing.T) {
	byHeader := resolvetest.Harness{
		Request: func(_ testing.TB, name string) *http.Request { return request("h", "/", "X-Tenant", name) },
		Absent:  func(testing.TB) *http.Request { return request("h", "/") },
		Both: func(_ testing.TB, one, other string) *http.Request {
			return request("h", "/", "X-Tenant", one, "X-Tenant", other)
		},
		Vary: []string{"X-Tenant"},
	}
	t.Run("header", func(t *testing.T) { conform(t, tenancyhttp.Header("X-Tenant"), byHeader) })
	t.Run("header by ID", func(t *testing.T) {
		byID := byHeader
		byID.ByID = true
		conform(t, tenancyhttp.Header("X-Tenant", tenancyhttp.ByID()), byID)
	})
	t.Run("subdomain", func(t *testing.T) {
		conform(t, tenancyhttp.Subdomain("example.com"), resolvetest.Harness{
			Request: func(_ testing.TB, name string) *http.Request {
				if strings.ToLower(name) != name && tenancy.ValidateIdentifier(strings.ToLower(name)) == nil {
					return nil // hosts have no case
				}
				return request(name+".example.com", "/")
			},
			Absent: func(testing.TB) *http.Request { return request("example.com", "/") },
			Both:   func(_ testing.TB, one, other string) *http.Request { return request(one+"."+other+".example.com", "/") },
		})
	})
	t.Run("domain", func(t *testing.T) {
		domains := owners(func(_ context.Context, host string) (string, error) {
			id, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSuffix(host, ".test"), ".", ""))
			if err != nil {
				return "", tenancy.ErrNotFound
			}
			return string(id), nil
		})
		conform(t, tenancyhttp.Domain(domains), resolvetest.Harness{
			Request: func(_ testing.TB, name string) *http.Request {
				if tenancy.ValidateID(name) != nil {
					return nil // no domain leads to what is no ID
				}
				var host strings.Builder
				for label := range slices.Chunk([]byte(hex.EncodeToString([]byte(name))), 60) {
					host.WriteString(string(label) + ".")
				}
				return request(host.String()+"test", "/")
			},
			Absent: func(testing.TB) *http.Request { return request("127.0.0.1", "/") },
			ByID:   true,
		})
	})
	t.Run("path prefix", func(t *testing.T) {
		conform(t, tenancyhttp.PathPrefix("/t/"), resolvetest.Harness{
			Request: func(_ testing.TB, name string) *http.Request {
				if name, _, ok := strings.Cut(name, "/"); ok && tenancy.ValidateIdentifier(name) == nil && name != ".." {
					return nil // acme/globex is a path of acme
				}
				return request("h", "/t/"+name)
			},
			Path: func(_ testing.TB, name, rest string) *http.Request {
				return httptest.NewRequest(http.MethodGet, "http://h/t/"+name+rest, nil)
			},
			Absent: func(testing.TB) *http.Request { return request("h", "/elsewhere") },
		})
	})
	t.Run("path value", func(t *testing.T) {
		conform(t, tenancyhttp.PathValue("tenant"), resolvetest.Harness{
			Request: func(_ testing.TB, name string) *http.Request {
				r := request("h", "/")
				r.SetPathValue("tenant", name)
				return r
			},
			Path: func(_ testing.TB, name, rest string) *http.Request {
				r := httptest.NewRequest(http.MethodGet, "http://h/files/"+name+rest, nil)
				r.SetPathValue("tenant", name)
				return r
			},
			Absent: func(testing.TB) *http.Request { return request("h", "/") },
		})
	})
	t.Run("claims", func(t *testing.T) {
		type claim struct{}
		claimed := func(r *http.Request) (string, error) {
			name, ok := r.Context().Value(claim{}).(string)
			if !ok {
				return "", resolve.ErrUnauthenticated
			}
			return name, nil
		}
		conform(t, tenancyhttp.Claims(claimed), resolvetest.Harness{
			Request: func(_ testing.TB, name string) *http.Request {
				r := request("h", "/")
				return r.WithContext(context.WithValue(r.Context(), claim{}, name))
			},
			Absent: func(testing.TB) *http.Request { return request("h", "/") },
			Vary:   []string{"Authorization"},
		})
	})
	t.Run("func", func(t *testing.T) {
		byQuery := tenancyhttp.Func(func(r *http.Request) (tenancy.Key, error) {
			if name := r.URL.Query()["tenant"]; len(name) == 1 {
				return tenancy.IdentifierKey(name[0]), nil
			}
			return tenancy.Key{}, resolve.ErrAbsent
		})
		conform(t, byQuery, resolvetest.Harness{
			Request: func(_ testing.TB, name string) *http.Request {
				r := request("h", "/")
				q := r.URL.Query()
				q.Set("tenant", name)
				r.URL.RawQuery = q.Encode()
				return r
			},
			Absent: func(testing.TB) *http.Request { return request("h", "/") },
		})
	})
	t.Run("first", func(t *testing.T) {
		conform(t, tenancyhttp.First(tenancyhttp.Subdomain("example.com"), tenancyhttp.Header("X-Tenant")), byHeader)
	})
	t.Run("agree", func(t *testing.T) {
		both := byHeader
		both.Both = func(_ testing.TB, one, other string) *http.Request {
			return request("h", "/", "X-Tenant", one, "X-Other", other)
		}
		both.Vary = []string{"X-Tenant", "X-Other"}
		conform(t, tenancyhttp.Agree(tenancyhttp.Header("X-Tenant"), tenancyhttp.Header("X-Other")), both)
	})
}
