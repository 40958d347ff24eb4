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

// What is wrong with the arguments is an error of NewHandler, and with Middleware
// nothing is served.
func TestMisconfigured(t *testing.T) {
	good := tenancyhttp.Subdomain("example.com")
	static := tenancyhttp.Static(tenancy.IdentifierKey("acme"))
	lookup := func(context.Context, string) (string, error) { return "acme", nil }
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
		"Domain: the lookup":        {tenancyhttp.Domain(nil), nil},
		`Header: "" cannot`:         {tenancyhttp.Header(""), nil},
		`Header: "Host" cannot`:     {tenancyhttp.Header("host"), nil},
		`Header: "Connection"`:      {tenancyhttp.Header("connection"), nil},
		`Header: "X Tenant" cannot`: {tenancyhttp.Header("X Tenant"), nil},
		"Claims: the function":      {tenancyhttp.Claims(nil), nil},
		"PathValue: the name":       {tenancyhttp.PathValue(""), nil},
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
		"answered with -":           {good, []tenancyhttp.Option{tenancyhttp.WithStatus(resolve.OutcomeUnknown, math.MinInt)}},
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
		h, err := tenancyhttp.NewHandler(people, row.resolver, whoami, row.opts...)
		if h != nil || !errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v", says, err)
		}
		var log bytes.Buffer
		seen := &events{}
		opts := append(row.opts, tenancyhttp.WithLogger(slog.New(slog.NewTextHandler(&log, nil))), tenancyhttp.WithObserver(seen))
		h = tenancyhttp.Middleware(people, row.resolver, opts...)(whoami)
		if log.Len() == 0 {
			t.Errorf("%s: nothing is logged", says)
		}
		get(t, serve(t, h), "/", "Host: acme.example.com").wantProblem(t, 500, "misconfigured")
		if seen.nth(t, 1).Outcome != resolve.OutcomeMisconfigured {
			t.Errorf("%s: observed %+v", says, seen.all)
		}
	}
	if _, err := tenancyhttp.NewHandler(nil, good, whoami); !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("no getter: %v", err)
	}
	if _, err := tenancyhttp.NewHandler(people, good, nil); !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("no handler: %v", err)
	}
	if _, err := tenancyhttp.NewHandler(people, tenancyhttp.First(good, tenancyhttp.Domain(lookup)), whoami); err != nil {
		t.Error(err)
	}
	store := memstore.New()
	defer store.Close()
	if _, err := tenancyhttp.NewWatcher(store, tenancyhttp.WithServed("archived")); !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("NewWatcher: %v", err)
	}
}

func TestTrustedProxiesMisconfigured(t *testing.T) {
	before := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	defer slog.SetDefault(before)
	for name, broken := range map[string]func(http.Handler) http.Handler{
		"prefix":       tenancyhttp.TrustedProxies([]netip.Prefix{{}}),
		"header":       tenancyhttp.TrustedProxies(here, tenancyhttp.WithHostFrom("", 0)),
		"two headers":  tenancyhttp.TrustedProxies(here, tenancyhttp.WithHostFrom("X-A", 0), tenancyhttp.WithHostFrom("X-B", 0)),
		"hop too far":  tenancyhttp.TrustedProxies(here, tenancyhttp.WithHostFrom("X-A", 101)),
		"hop MaxInt":   tenancyhttp.TrustedProxies(here, tenancyhttp.WithHostFrom("X-A", math.MaxInt)),
		"hop MinInt":   tenancyhttp.TrustedProxies(here, tenancyhttp.WithHostFrom("X-A", math.MinInt)),
		"negative hop": tenancyhttp.TrustedProxies(here, tenancyhttp.WithHostFrom("X-A", -1)),
		"RFC 7239":     tenancyhttp.TrustedProxies(here, tenancyhttp.WithHostFrom("forwarded", 0)),
		"Host":         tenancyhttp.TrustedProxies(here, tenancyhttp.WithProxyHeaders("Host")),
	} {
		t.Run(name, func(t *testing.T) {
			get(t, serve(t, broken(guarded(t, tenancyhttp.Subdomain("example.com")))), "/", "Host: acme.example.com", "X-A: acme.example.com").
				wantProblem(t, 500, "misconfigured")
		})
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
	address := serve(t, tenancyhttp.Middleware(people, tenancyhttp.Header("X-Tenant"), logger)(whoami))
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
	address = serve(t, tenancyhttp.Middleware(failing{tenancy.ErrUnavailable}, tenancyhttp.Header("X-Tenant"), logger)(whoami))
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
	address = serve(t, tenancyhttp.Middleware(closed, tenancyhttp.Header("X-Tenant"), logger)(whoami))
	get(t, address, "/", "Host: h", "X-Tenant: acme").wantProblem(t, 503, "unavailable")
	if !strings.Contains(log.String(), "level=INFO") || strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("%s", &log)
	}
}

func TestOutcomesAndNames(t *testing.T) {
	seen := map[resolve.Outcome]bool{}
	for _, o := range resolve.Outcomes() {
		if seen[o] || strings.Trim(string(o), "abcdefghijklmnopqrstuvwxyz_") != "" {
			t.Errorf("outcome %q", o)
		}
		seen[o] = true
	}
	if len(seen) != 15 {
		t.Errorf("%d outcomes", len(seen))
	}
	names := map[string]bool{}
	for _, n := range resolve.ResolverNames() {
		if names[n] || strings.Trim(n, "abcdefghijklmnopqrstuvwxyz_") != "" {
			t.Errorf("name %q", n)
		}
		names[n] = true
	}
}
