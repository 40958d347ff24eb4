package frameworks_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect"
	"github.com/gin-gonic/gin"
	"github.com/labstack/echo/v5"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// ask returns the status and the body of an answer that is 200.
func ask(h http.Handler, host, path string) string {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = host
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		return http.StatusText(w.Code)
	}
	return must(readAll(w.Result().Body))
}

func readAll(r io.Reader) (string, error) {
	text, err := io.ReadAll(r)
	return string(text), err
}

// wantTenants expects the answers of a router with a route for the orders of the host's tenant,
// and another that names the tenant in its path.
func wantTenants(t *testing.T, h http.Handler) {
	t.Helper()
	for _, c := range []struct{ host, path, want string }{
		{"acme.example.com", "/orders/7", "7 of acme"},
		{"late.example.com", "/orders/7", "Forbidden"},
		{"nobody.example.com", "/orders/7", "Not Found"},
		{"example.com", "/orders/7", "Bad Request"},
		{"h", "/tenants/globex/orders/7", "7 of globex"},
		{"h", "/tenants/late/orders/7", "Forbidden"},
		{"h", "/tenants/%61cme/orders/7", "Bad Request"},
		{"h", "/tenants/acme%2Fx/orders/7", "Bad Request"},
	} {
		if got := ask(h, c.host, c.path); got != c.want {
			t.Errorf("%s%s: got %q, want %q", c.host, c.path, got, c.want)
		}
	}
}

// inGin makes a middleware of gin of one of net/http.
func inGin(m func(http.Handler) http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		passed := false
		m(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			passed = true
			c.Request = r
			c.Next()
		})).ServeHTTP(c.Writer, c.Request)
		if !passed {
			c.Abort()
		}
	}
}

func TestGin(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	store := newStore(t)
	byHost := must(tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain("example.com"), silent))
	byPath := must(tenancyhttp.NewMiddleware(store, tenancyhttp.PathValue("tenant"), silent))
	orders := func(c *gin.Context) {
		c.String(http.StatusOK, "%s of %s", c.Param("id"), tenancy.MustFromContext(c.Request.Context()).Identifier)
	}
	r := gin.New()
	r.UseRawPath, r.UnescapePathValues = true, false // as net/http matches: %2F is no slash
	r.GET("/orders/:id", inGin(byHost), orders)
	r.GET("/tenants/:tenant/orders/:id", func(c *gin.Context) { c.Request.SetPathValue("tenant", c.Param("tenant")) }, inGin(byPath), orders)
	wantTenants(t, r)
}

func TestEcho(t *testing.T) {
	store := newStore(t)
	byHost := echo.WrapMiddleware(must(tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain("example.com"), silent)))
	byPath := echo.WrapMiddleware(must(tenancyhttp.NewMiddleware(store, tenancyhttp.PathValue("tenant"), silent)))
	orders := func(c *echo.Context) error {
		return c.String(http.StatusOK, c.Param("id")+" of "+tenancy.MustFromContext(c.Request().Context()).Identifier)
	}
	values := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			c.Request().SetPathValue("tenant", c.Param("tenant"))
			return next(c)
		}
	}
	e := echo.New()
	e.GET("/orders/:id", orders, byHost)
	e.GET("/tenants/:tenant/orders/:id", orders, values, byPath)
	wantTenants(t, e)
}

// connectCodes are how clients of Connect, gRPC and gRPC-Web are told what HTTP says by a status.
var connectCodes = map[int]connect.Code{
	http.StatusBadRequest: connect.CodeInvalidArgument, http.StatusMisdirectedRequest: connect.CodeInvalidArgument,
	http.StatusUnauthorized: connect.CodeUnauthenticated, http.StatusForbidden: connect.CodePermissionDenied,
	http.StatusNotFound: connect.CodeNotFound, http.StatusServiceUnavailable: connect.CodeUnavailable,
}

// inConnect answers in the protocol of the request. Without it, a 404 would be Unimplemented.
func inConnect() tenancyhttp.ErrorHandler {
	answers := connect.NewErrorWriter()
	return func(w http.ResponseWriter, r *http.Request, p tenancyhttp.Problem) {
		if answers.IsSupported(r) {
			_ = answers.Write(w, r, connect.NewError(connectCodes[p.Status], errors.New(p.Title)))
			return
		}
		p.ServeHTTP(w, r)
	}
}

// Handlers of Connect are handlers of net/http.
func TestConnect(t *testing.T) {
	store := newStore(t)
	const procedure = "/shop.Orders/Who"
	mux := http.NewServeMux()
	mux.Handle(procedure, connect.NewUnaryHandler(procedure, func(ctx context.Context, _ *connect.Request[emptypb.Empty]) (*connect.Response[wrapperspb.StringValue], error) {
		return connect.NewResponse(wrapperspb.String(tenancy.MustFromContext(ctx).Identifier)), nil
	}))
	tenants := must(tenancyhttp.NewMiddleware(store, tenancyhttp.Header("X-Tenant"), silent, tenancyhttp.WithErrorHandler(inConnect())))
	web := httptest.NewUnstartedServer(tenants(mux))
	web.EnableHTTP2 = true
	web.StartTLS()
	defer web.Close()
	for protocol, opts := range map[string][]connect.ClientOption{
		"Connect": nil, "gRPC": {connect.WithGRPC()}, "gRPC-Web": {connect.WithGRPCWeb()},
	} {
		client := connect.NewClient[emptypb.Empty, wrapperspb.StringValue](web.Client(), web.URL+procedure, opts...)
		for tenant, want := range map[string]connect.Code{
			"acme": 0, "late": connect.CodePermissionDenied, "nobody": connect.CodeNotFound, "": connect.CodeInvalidArgument,
		} {
			r := connect.NewRequest(&emptypb.Empty{})
			if tenant != "" {
				r.Header().Set("X-Tenant", tenant)
			}
			got, err := client.CallUnary(t.Context(), r)
			switch {
			case want == 0 && (err != nil || got.Msg.Value != tenant):
				t.Errorf("%s, %q: %v, %v", protocol, tenant, got, err)
			case want != 0 && connect.CodeOf(err) != want:
				t.Errorf("%s, %q: %v, want %v", protocol, tenant, err, want)
			}
		}
	}
	store.Close() // an outage
	client := connect.NewClient[emptypb.Empty, wrapperspb.StringValue](web.Client(), web.URL+procedure)
	r := connect.NewRequest(&emptypb.Empty{})
	r.Header().Set("X-Tenant", "acme")
	if _, err := client.CallUnary(t.Context(), r); connect.CodeOf(err) != connect.CodeUnavailable {
		t.Errorf("in an outage: %v", err)
	}
}
