package tenancyhttp_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// What is wrong with the arguments is an error of the constructor, and never that of a
// request.
func TestMisconfigured(t *testing.T) {
	store := memstore.New()
	defer store.Close()
	good := tenancyhttp.Subdomain("example.com")
	static := tenancyhttp.Static(tenancy.IdentifierKey("acme"))
	domains := owners(func(context.Context, string) (string, error) { return "id-acme", nil })
	nameless := nameless(t)
	for says, row := range map[string]struct {
		resolver tenancyhttp.Resolver
		opts     []tenancyhttp.Option
	}{
		"a resolver is nil":         {nil, nil},
		`"" is not a domain`:        {tenancyhttp.Subdomain(""), nil},
		`".example.com" is not`:     {tenancyhttp.Subdomain(".example.com"), nil},
		`"Example.com" is not`:      {tenancyhttp.Subdomain("example.com", tenancyhttp.WithBases("Example.com")), nil},
		`"bücher.test" is not`:      {tenancyhttp.Subdomain("bücher.test"), nil},
		`"example.com:80" is not`:   {tenancyhttp.Subdomain("example.com:80"), nil},
		`"127.0.0.1" is not`:        {tenancyhttp.Subdomain("127.0.0.1"), nil},
		`"API" is not a label`:      {tenancyhttp.Subdomain("example.com", tenancyhttp.WithReserved("www", "API")), nil},
		`"a.b" is not a label`:      {tenancyhttp.Subdomain("example.com", tenancyhttp.WithReserved("a.b")), nil},
		`"_dmarc" is not a label`:   {tenancyhttp.Subdomain("example.com", tenancyhttp.WithReserved("_dmarc")), nil},
		"Domain: the store is nil":  {tenancyhttp.Domain(nil), nil},
		"Domain: the store has no":  {tenancyhttp.Domain(nameless), nil},
		"Former: the store is nil":  {good, []tenancyhttp.Option{tenancyhttp.WithRedirectFormer(nil)}},
		"Former: the store has no":  {good, []tenancyhttp.Option{tenancyhttp.WithRedirectFormer(nameless)}},
		`Header: "" cannot`:         {tenancyhttp.Header(""), nil},
		`Header: "Host" cannot`:     {tenancyhttp.Header("host"), nil},
		`Header: "Connection"`:      {tenancyhttp.Header("connection"), nil},
		`Header: "X Tenant" cannot`: {tenancyhttp.Header("X Tenant"), nil},
		"Claims: the function":      {tenancyhttp.Claims(nil), nil},
		`PathValue: ""`:             {tenancyhttp.PathValue(""), nil},
		`PathValue: "{tenant}"`:     {tenancyhttp.PathValue("{tenant}"), nil},
		`PathValue: "tenant..."`:    {tenancyhttp.PathValue("tenant..."), nil},
		"tenancyhttp: a resolver":   {tenancyhttp.Func(nil), nil},
		"option of a resolver":      {tenancyhttp.Header("X-Tenant", nil), nil},
		"option of Subdomain":       {tenancyhttp.Subdomain("example.com", nil), nil},
		`depends on "X Y"`:          {tenancyhttp.Claims(func(*http.Request) (string, error) { return "", nil }, tenancyhttp.VaryBy("X Y")), nil},
		"an option is nil":          {good, []tenancyhttp.Option{nil}},
		"no tenant would be served": {good, []tenancyhttp.Option{tenancyhttp.WithServed()}},
		"WithObserver":              {good, []tenancyhttp.Option{tenancyhttp.WithObserver((*nobody)(nil))}},
		`PathPrefix: "t"`:           {tenancyhttp.PathPrefix("t"), nil},
		`PathPrefix: "/t"`:          {tenancyhttp.PathPrefix("/t"), nil},
		`PathPrefix: "/t//"`:        {tenancyhttp.PathPrefix("/t//"), nil},
		`PathPrefix: "/%74/"`:       {tenancyhttp.PathPrefix("/%74/"), nil},
		`PathPrefix: "/ü/"`:         {tenancyhttp.PathPrefix("/ü/"), nil},
		`PathPrefix: "/a b/"`:       {tenancyhttp.PathPrefix("/a b/"), nil},
		`PathPrefix: "/..;/"`:       {tenancyhttp.PathPrefix("/..;/"), nil},
		"Static: tenancy":           {tenancyhttp.Static(tenancy.IdentifierKey("A")), nil},
		"First: needs":              {tenancyhttp.First(), nil},
		"First: Static":             {tenancyhttp.First(good, static), nil},
		"First: Static would":       {tenancyhttp.First(good, tenancyhttp.Agree(good, static)), nil},
		"Agree: needs":              {tenancyhttp.Agree(good), nil},
		"resolver is nil":           {tenancyhttp.Agree(good, nil), nil},
		`"archived" is not`:         {good, []tenancyhttp.Option{tenancyhttp.WithServed("archived")}},
		"cannot be answered with 2": {good, []tenancyhttp.Option{tenancyhttp.WithStatus(resolve.OutcomeUnknown, 200)}},
		"cannot be answered with 4": {good, []tenancyhttp.Option{tenancyhttp.WithStatus(resolve.OutcomeUnavailable, 404)}},
		"cannot be answered with 6": {good, []tenancyhttp.Option{tenancyhttp.WithStatus(resolve.OutcomeUnknown, 600)}},
		`"resolved" is not an`:      {good, []tenancyhttp.Option{tenancyhttp.WithStatus(resolve.OutcomeResolved, 404)}},
		"WithRetryAfter: -1s":       {good, []tenancyhttp.Option{tenancyhttp.WithRetryAfter(-time.Second)}},
		"WithRetryAfter: -2562047":  {good, []tenancyhttp.Option{tenancyhttp.WithRetryAfter(math.MinInt64)}},
		"WithRetryAfter: 2562047":   {good, []tenancyhttp.Option{tenancyhttp.WithRetryAfter(math.MaxInt64)}},
		"between 0 and 24h":         {good, []tenancyhttp.Option{tenancyhttp.WithRetryAfter(tenancyhttp.MaxRetryAfter + 1)}},
		`WithChallenge: ""`:         {good, []tenancyhttp.Option{tenancyhttp.WithChallenge("")}},
		`WithChallenge: "Bearer`:    {good, []tenancyhttp.Option{tenancyhttp.WithChallenge("Bearer\r\nX: y")}},
		"answered with -":           {good, []tenancyhttp.Option{tenancyhttp.WithStatus(resolve.OutcomeUnknown, math.MinInt32)}},
		"answered with 2147":        {good, []tenancyhttp.Option{tenancyhttp.WithStatus(resolve.OutcomeUnknown, math.MaxInt32)}},
		"WithErrorHandler":          {good, []tenancyhttp.Option{tenancyhttp.WithErrorHandler(nil)}},
		"WithSkip: the function":    {good, []tenancyhttp.Option{tenancyhttp.WithSkip(nil)}},
		`WithSkipPaths: "healthz"`:  {good, []tenancyhttp.Option{tenancyhttp.WithSkipPaths("healthz")}},
		`WithSkipPaths: "/a/../b"`:  {good, []tenancyhttp.Option{tenancyhttp.WithSkipPaths("/a/../b")}},
		`WithSkipPaths: "/%2e%2e"`:  {good, []tenancyhttp.Option{tenancyhttp.WithSkipPaths("/%2e%2e")}},
		`WithSkipPaths: "/x?y"`:     {good, []tenancyhttp.Option{tenancyhttp.WithSkipPaths("/x?y")}},
		`WithSkipPaths: "*"`:        {good, []tenancyhttp.Option{tenancyhttp.WithSkipPaths("*")}},
		`WithSkipPaths: ""`:         {good, []tenancyhttp.Option{tenancyhttp.WithSkipPaths("/x", "")}},
	} {
		m, err := tenancyhttp.NewMiddleware(people, row.resolver, row.opts...)
		if m != nil || !errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v", says, err)
		}
		if row.resolver == nil || row.opts == nil {
			continue
		}
		if w, err := tenancyhttp.NewWatcher(store, row.opts...); w != nil || !errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("NewWatcher, %s: got %v", says, err)
		}
	}
	for name, none := range map[string]tenancy.Store{"nil": nil, "a nil pointer": (*memstore.Store)(nil)} {
		if m, err := tenancyhttp.NewMiddleware(none, good); m != nil || !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("the getter is %s: %v", name, err)
		}
		if w, err := tenancyhttp.NewWatcher(none); w != nil || !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("the store is %s: %v", name, err)
		}
	}
	if _, err := tenancyhttp.NewMiddleware(people, tenancyhttp.First(good, tenancyhttp.Domain(domains))); err != nil {
		t.Error(err)
	}
	if w, err := tenancyhttp.NewWatcher(store, tenancyhttp.WithMaxStale(0)); w != nil || !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("NewWatcher: %v", err)
	}
	if w, err := tenancyhttp.NewWatcher(struct{ tenancy.Store }{store}); w != nil || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("NewWatcher of a store without a log: %v", err)
	}
}

// Everything that is wrong is said at once.
func TestAllThatIsWrongIsSaid(t *testing.T) {
	_, err := tenancyhttp.NewMiddleware(nil, tenancyhttp.Agree(tenancyhttp.Header("Host"), tenancyhttp.Subdomain("")), tenancyhttp.WithSkip(nil))
	for _, what := range []string{"getter", "Header", "Subdomain", "WithSkip"} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s is missing in: %v", what, err)
		}
	}
}

// A handler that is missing shows when the routes are made, not at the first request.
func TestNoNextHandler(t *testing.T) {
	store := memstore.New()
	defer store.Close()
	watcher := must(tenancyhttp.NewWatcher(store))
	defer watcher.Close()
	for name, middleware := range map[string]func(http.Handler) http.Handler{
		"NewMiddleware":  must(tenancyhttp.NewMiddleware(people, tenancyhttp.Subdomain("example.com"))),
		"TrustedProxies": must(tenancyhttp.TrustedProxies(here)),
		"Watcher":        watcher.Middleware,
	} {
		for _, none := range []http.Handler{nil, http.HandlerFunc(nil), (*http.ServeMux)(nil)} {
			func() {
				defer func() {
					if got := recover(); got != "tenancyhttp: the next handler is nil" {
						t.Errorf("%s of %T: %v", name, none, got)
					}
				}()
				middleware(none)
			}()
		}
	}
}

func TestTrustedProxiesMisconfigured(t *testing.T) {
	for says, c := range map[string]struct {
		trusted []netip.Prefix
		opts    []tenancyhttp.ProxyOption
	}{
		"a prefix":             {[]netip.Prefix{{}}, nil},
		"an option is nil":     {here, []tenancyhttp.ProxyOption{nil}},
		`""`:                   {here, []tenancyhttp.ProxyOption{tenancyhttp.WithHostFrom("", 0)}},
		"only one header":      {here, []tenancyhttp.ProxyOption{tenancyhttp.WithHostFrom("X-A", 0), tenancyhttp.WithHostFrom("X-B", 0)}},
		"hop 101":              {here, []tenancyhttp.ProxyOption{tenancyhttp.WithHostFrom("X-A", 101)}},
		"WithHostFrom: hop 2":  {here, []tenancyhttp.ProxyOption{tenancyhttp.WithHostFrom("X-A", math.MaxInt32)}},
		"WithHostFrom: hop -2": {here, []tenancyhttp.ProxyOption{tenancyhttp.WithHostFrom("X-A", math.MinInt32)}},
		"hop -1 is":            {here, []tenancyhttp.ProxyOption{tenancyhttp.WithHostFrom("X-A", -1)}},
		"Forwarded":            {here, []tenancyhttp.ProxyOption{tenancyhttp.WithHostFrom("forwarded", 0)}},
		`"Host"`:               {here, []tenancyhttp.ProxyOption{tenancyhttp.WithProxyHeaders("Host")}},
	} {
		m, err := tenancyhttp.TrustedProxies(c.trusted, c.opts...)
		if m != nil || !errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v", says, err)
		}
	}
}

func TestChallenge(t *testing.T) {
	nobody := tenancyhttp.Claims(func(*http.Request) (string, error) { return "", resolve.ErrUnauthenticated }, tenancyhttp.VaryBy("Cookie"))
	got := get(t, serve(t, guarded(t, nobody, tenancyhttp.WithChallenge(`Bearer realm="api"`))), "/", "Host: h")
	got.wantProblem(t, 401, "unauthenticated")
	if got.header.Get("WWW-Authenticate") != `Bearer realm="api"` || got.header.Get("Vary") != "Cookie" {
		t.Errorf("header %v", got.header)
	}
}

func TestVary(t *testing.T) {
	claims := tenancyhttp.Claims(func(*http.Request) (string, error) { return "acme", nil })
	h := guarded(t, tenancyhttp.Agree(claims, tenancyhttp.First(tenancyhttp.Header("X-Tenant"), tenancyhttp.Header("x-tenant"), tenancyhttp.Subdomain("example.com"))))
	before := func(vary string) string {
		return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Vary", vary)
			h.ServeHTTP(w, r)
		}))
	}
	for vary, want := range map[string]string{
		"Accept-Encoding":          "Accept-Encoding Authorization X-Tenant",
		"accept, X-TENANT, Accept": "accept, X-TENANT, Accept Authorization",
		"*":                        "*",
	} {
		got := get(t, before(vary), "/", "Host: acme.example.com")
		got.wantTenant(t, "acme")
		if all := strings.Join(got.header["Vary"], " "); all != want {
			t.Errorf("%s: got Vary %q, want %q", vary, all, want)
		}
	}
}

// Refusals are logged once a second for each outcome, what the client sent is
// quoted, and outages are errors.
func TestLog(t *testing.T) {
	var log bytes.Buffer
	logger := tenancyhttp.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	address := serve(t, must(tenancyhttp.NewMiddleware(people, tenancyhttp.Header("X-Tenant"), logger))(whoami))
	for range 50 {
		get(t, address, "/", "Host: h", "X-Tenant: evil\xe2\x80\xaemoc")
	}
	get(t, address, "/", "Host: h", "X-Tenant: late")
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) > 10 || !strings.Contains(log.String(), `evil\\\u202emoc`) && !strings.Contains(log.String(), `evil\\u202emoc`) {
		t.Errorf("%d lines:\n%s", len(lines), &log)
	}
	if strings.Contains(log.String(), "\u202e") || !strings.Contains(log.String(), "outcome=suspended") || strings.Contains(log.String(), "ERROR") {
		t.Errorf("%s", &log)
	}
	log.Reset()
	address = serve(t, must(tenancyhttp.NewMiddleware(failing{tenancy.ErrUnavailable}, tenancyhttp.Header("X-Tenant"), logger))(whoami))
	get(t, address, "/", "Host: h", "X-Tenant: acme")
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "outcome=unavailable") {
		t.Errorf("%s", &log)
	}

	// A request that comes too late in a shutdown is no error.
	log.Reset()
	closed := memstore.New()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	address = serve(t, must(tenancyhttp.NewMiddleware(closed, tenancyhttp.Header("X-Tenant"), logger))(whoami))
	get(t, address, "/", "Host: h", "X-Tenant: acme").wantProblem(t, 503, "unavailable")
	if !strings.Contains(log.String(), "level=INFO") || strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("%s", &log)
	}
}
