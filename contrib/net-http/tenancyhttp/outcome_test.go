package tenancyhttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// failing is a getter that cannot answer.
type failing struct{ err error }

func (f failing) GetByID(context.Context, string) (tenancy.Tenant, error) {
	return tenancy.Tenant{}, f.err
}
func (f failing) GetByIdentifier(context.Context, string) (tenancy.Tenant, error) {
	return tenancy.Tenant{}, f.err
}

// events remembers what it was told.
type events struct {
	mu  sync.Mutex
	all []resolve.Event
}

func (e *events) ObserveRequest(_ context.Context, event resolve.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, event)
}

// last waits for the n-th event.
func (e *events) nth(t testing.TB, n int) resolve.Event {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(time.Millisecond) {
		e.mu.Lock()
		if len(e.all) >= n {
			defer e.mu.Unlock()
			return e.all[n-1]
		}
		e.mu.Unlock()
		if time.Now().After(deadline) {
			t.Fatalf("event %d did not come", n)
		}
	}
}

// Every outcome, by what leads to it: the answer over HTTP/1.1 and HTTP/2, and
// what the observer is told.
func TestOutcomes(t *testing.T) {
	token := tenancyhttp.Claims(func(r *http.Request) (string, error) {
		switch r.Header.Get("Authorization") {
		case "":
			return "", resolve.ErrAbsent
		case "Bearer acme":
			return "acme", nil
		case "Bearer nobody":
			return "nobody", nil
		case "Bearer none":
			return "", nil
		case "Bearer odd":
			return "No Identifier", nil
		case "Bearer down":
			return "", errors.New("the key server does not answer")
		}
		return "", fmt.Errorf("%w: expired", resolve.ErrUnauthenticated)
	})
	agree := tenancyhttp.Agree(token, tenancyhttp.Header("X-Tenant"), tenancyhttp.Subdomain("example.com"))
	for name, row := range map[string]struct {
		resolver tenancyhttp.Resolver
		lines    []string
		status   int
		outcome  resolve.Outcome
		by, code string
	}{
		"resolved":              {agree, []string{"Host: acme.example.com"}, 200, resolve.OutcomeResolved, "agree", ""},
		"all agree":             {agree, []string{"Host: acme.example.com", "X-Tenant: acme", "Authorization: Bearer acme"}, 200, resolve.OutcomeResolved, "agree", ""},
		"missing":               {agree, []string{"Host: example.com"}, 400, resolve.OutcomeMissing, "none", "tenant-missing"},
		"invalid":               {agree, []string{"Host: a_b.example.com"}, 400, resolve.OutcomeInvalid, "subdomain", "tenant-malformed"},
		"token unknown":         {agree, []string{"Host: acme.example.com", "Authorization: Bearer x"}, 401, resolve.OutcomeUnauthenticated, "claims", "unauthenticated"},
		"token has no tenant":   {agree, []string{"Host: acme.example.com", "Authorization: Bearer none"}, 403, resolve.OutcomeForbidden, "claims", "no-tenant-claim"},
		"token has no name":     {agree, []string{"Host: acme.example.com", "Authorization: Bearer odd"}, 400, resolve.OutcomeInvalid, "claims", "tenant-malformed"},
		"token cannot be read":  {agree, []string{"Host: acme.example.com", "Authorization: Bearer down"}, 503, resolve.OutcomeUnavailable, "claims", "unavailable"},
		"token against host":    {agree, []string{"Host: globex.example.com", "Authorization: Bearer acme"}, 403, resolve.OutcomeConflict, "agree", "tenant-conflict"},
		"token against nobody":  {agree, []string{"Host: nobody.example.com", "Authorization: Bearer acme"}, 403, resolve.OutcomeConflict, "agree", "tenant-conflict"},
		"token against header":  {agree, []string{"Host: example.com", "X-Tenant: globex", "Authorization: Bearer acme"}, 403, resolve.OutcomeConflict, "agree", "tenant-conflict"},
		"header against host":   {agree, []string{"Host: acme.example.com", "X-Tenant: globex"}, 400, resolve.OutcomeConflict, "agree", "tenant-conflict"},
		"header against nobody": {agree, []string{"Host: nobody.example.com", "X-Tenant: acme"}, 400, resolve.OutcomeConflict, "agree", "tenant-conflict"},
		"two nobodies":          {agree, []string{"Host: nobody.example.com", "X-Tenant: nobody-else"}, 400, resolve.OutcomeConflict, "agree", "tenant-conflict"},
		"foreign host":          {agree, []string{"Host: acme.example.net", "X-Tenant: acme"}, 421, resolve.OutcomeMisdirected, "subdomain", "host-not-served"},
		"unknown":               {agree, []string{"Host: nobody.example.com"}, 404, resolve.OutcomeUnknown, "agree", "tenant-not-found"},
		"suspended":             {agree, []string{"Host: late.example.com"}, 403, resolve.OutcomeSuspended, "agree", "tenant-suspended"},
		"status not known here": {agree, []string{"Host: odd.example.com"}, 403, resolve.OutcomeSuspended, "agree", "tenant-suspended"},
		"provisioning":          {agree, []string{"Host: new.example.com"}, 503, resolve.OutcomeProvisioning, "agree", "tenant-not-ready"},
		"deleted":               {agree, []string{"Host: gone.example.com"}, 404, resolve.OutcomeDeleted, "agree", "tenant-not-found"},

		"first: the token": {
			tenancyhttp.First(token, tenancyhttp.Header("X-Tenant")),
			[]string{"Host: h", "Authorization: Bearer acme", "X-Tenant: globex"}, 200, resolve.OutcomeResolved, "claims", "",
		},
		"first: the header": {
			tenancyhttp.First(token, tenancyhttp.Header("X-Tenant")), []string{"Host: h", "X-Tenant: acme"}, 200, resolve.OutcomeResolved, "header", "",
		},
		"first: an invalid token is the end": {
			tenancyhttp.First(token, tenancyhttp.Header("X-Tenant")),
			[]string{"Host: h", "Authorization: Bearer x", "X-Tenant: acme"}, 401, resolve.OutcomeUnauthenticated, "claims", "unauthenticated",
		},
		"first: a token without a tenant is the end": {
			tenancyhttp.First(token, tenancyhttp.Header("X-Tenant")),
			[]string{"Host: h", "Authorization: Bearer none", "X-Tenant: acme"}, 403, resolve.OutcomeForbidden, "claims", "no-tenant-claim",
		},
		"first: an unknown tenant is the end": {
			tenancyhttp.First(token, tenancyhttp.Header("X-Tenant")),
			[]string{"Host: h", "Authorization: Bearer nobody", "X-Tenant: acme"}, 404, resolve.OutcomeUnknown, "claims", "tenant-not-found",
		},
		"first: an invalid header is the end": {
			tenancyhttp.First(tenancyhttp.Header("X-Tenant"), tenancyhttp.Subdomain("example.com")),
			[]string{"Host: acme.example.com", "X-Tenant: !"}, 400, resolve.OutcomeInvalid, "header", "tenant-malformed",
		},
		"first: a foreign host says more than no header": {
			tenancyhttp.First(tenancyhttp.Header("X-Tenant"), tenancyhttp.Subdomain("example.com"), tenancyhttp.Header("X-Other")),
			[]string{"Host: acme.example.net"}, 421, resolve.OutcomeMisdirected, "subdomain", "host-not-served",
		},

		"static": {tenancyhttp.Static(tenancy.IDKey("id-acme")), []string{"Host: h"}, 200, resolve.OutcomeResolved, "static", ""},
		"func": {
			tenancyhttp.Func(func(*http.Request) (tenancy.Key, error) { return tenancy.IDKey("id-acme"), nil }),
			[]string{"Host: h"}, 200, resolve.OutcomeResolved, "func", "",
		},
		"func that says nothing": {
			tenancyhttp.Func(func(*http.Request) (tenancy.Key, error) { return tenancy.Key{}, nil }),
			[]string{"Host: h"}, 400, resolve.OutcomeMissing, "none", "tenant-missing",
		},
		"first: one that says nothing": {
			tenancyhttp.First(tenancyhttp.Func(func(*http.Request) (tenancy.Key, error) { return tenancy.Key{}, nil }), tenancyhttp.Header("X-Tenant")),
			[]string{"Host: h", "X-Tenant: acme"}, 200, resolve.OutcomeResolved, "header", "",
		},
		"agree: one that says nothing": {
			tenancyhttp.Agree(tenancyhttp.Func(func(*http.Request) (tenancy.Key, error) { return tenancy.Key{}, nil }), tenancyhttp.Header("X-Tenant")),
			[]string{"Host: h", "X-Tenant: acme"}, 200, resolve.OutcomeResolved, "agree", "",
		},
		"func with a wrong key": {
			tenancyhttp.Func(func(*http.Request) (tenancy.Key, error) { return tenancy.IdentifierKey("a/b"), nil }),
			[]string{"Host: h"}, 400, resolve.OutcomeInvalid, "func", "tenant-malformed",
		},
		"agree: ID and identifier of one tenant": {
			tenancyhttp.Agree(tenancyhttp.Header("X-ID", tenancyhttp.ByID()), tenancyhttp.Header("X-Tenant")),
			[]string{"Host: h", "X-ID: id-acme", "X-Tenant: acme"}, 200, resolve.OutcomeResolved, "agree", "",
		},
		"agree: ID and identifier of two": {
			tenancyhttp.Agree(tenancyhttp.Header("X-ID", tenancyhttp.ByID()), tenancyhttp.Header("X-Tenant")),
			[]string{"Host: h", "X-ID: id-acme", "X-Tenant: globex"}, 400, resolve.OutcomeConflict, "agree", "tenant-conflict",
		},
		"agree: unknown ID, known identifier": {
			tenancyhttp.Agree(tenancyhttp.Header("X-ID", tenancyhttp.ByID()), tenancyhttp.Header("X-Tenant")),
			[]string{"Host: h", "X-ID: id-nobody", "X-Tenant: acme"}, 400, resolve.OutcomeConflict, "agree", "tenant-conflict",
		},
		"agree: both unknown": {
			tenancyhttp.Agree(tenancyhttp.Header("X-ID", tenancyhttp.ByID()), tenancyhttp.Header("X-Tenant")),
			[]string{"Host: h", "X-ID: id-nobody", "X-Tenant: nobody"}, 400, resolve.OutcomeConflict, "agree", "tenant-conflict",
		},
	} {
		t.Run(name, func(t *testing.T) {
			seen := &events{}
			h := guarded(t, row.resolver, tenancyhttp.WithObserver(seen))
			url := "https://h/"
			for i, got := range []answer{
				get(t, serve(t, h), "/", row.lines...),
				over2(t, http2(t, h), "GET", url, row.lines...),
			} {
				if row.status == http.StatusOK {
					got.wantTenant(t, "acme")
				} else {
					got.wantProblem(t, row.status, row.code)
				}
				event := seen.nth(t, i+1)
				if event.Outcome != row.outcome || event.Resolver != row.by || (event.Err == nil) != (row.status == 200 || slices.Contains([]resolve.Outcome{
					resolve.OutcomeSuspended, resolve.OutcomeProvisioning, resolve.OutcomeDeleted,
				}, row.outcome)) || event.Duration <= 0 {
					t.Errorf("observed %+v", event)
				}
			}
		})
	}
}

func TestOutage(t *testing.T) {
	for _, err := range []error{
		tenancy.ErrUnavailable, tenancy.ErrClosed, context.DeadlineExceeded, context.Canceled, errors.ErrUnsupported,
		&tenancy.Error{Op: "GetByIdentifier", Identifier: "canary", Err: fmt.Errorf("%w: circuit breaker is open", tenancy.ErrUnavailable)},
		fmt.Errorf("%w: %w", tenancy.ErrUnavailable, tenancy.ErrNotFound),
		errors.New("canary"),
	} {
		for _, opts := range [][]tenancyhttp.Option{nil, {tenancyhttp.WithHidden()}, {tenancyhttp.WithOptional()}} {
			m := must(tenancyhttp.NewMiddleware(failing{err}, tenancyhttp.Subdomain("example.com"), append(opts, silent)...))
			got := get(t, serve(t, m(whoami)), "/", "Host: acme.example.com")
			got.wantProblem(t, 503, "unavailable")
			if strings.Contains(got.body, "canary") {
				t.Errorf("the answer tells what failed: %s", got.body)
			}
		}
	}
}

// A store that answers with another tenant than it was asked for is broken.
func TestMixedUpStore(t *testing.T) {
	mixedUp := getter{"acme": people["globex"]}
	h := must(tenancyhttp.NewMiddleware(mixedUp, tenancyhttp.Subdomain("example.com"), silent))(whoami)
	get(t, serve(t, h), "/", "Host: acme.example.com").wantProblem(t, 503, "unavailable")
}

// hung answers when the context ends.
type hung struct{ entered chan struct{} }

func (h hung) GetByID(ctx context.Context, _ string) (tenancy.Tenant, error) {
	close(h.entered)
	<-ctx.Done()
	return tenancy.Tenant{}, driver.ErrorIn("GetByID", tenancy.Key{}, ctx.Err())
}
func (h hung) GetByIdentifier(ctx context.Context, identifier string) (tenancy.Tenant, error) {
	return h.GetByID(ctx, identifier)
}

func TestDeadline(t *testing.T) {
	h := must(tenancyhttp.NewMiddleware(hung{make(chan struct{})}, tenancyhttp.Subdomain("example.com"), silent))(whoami)
	address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 20*time.Millisecond)
		defer cancel()
		h.ServeHTTP(w, r.WithContext(ctx))
	}))
	get(t, address, "/", "Host: acme.example.com").wantProblem(t, 503, "unavailable")
}

// A client that goes away ends the lookup. If it has only said that it will send
// no more, it still reads: what it gets must not look like the answer of a
// handler, which net/http would make of writing nothing.
func TestCanceled(t *testing.T) {
	seen := &events{}
	store := hung{make(chan struct{})}
	h := must(tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain("example.com"), silent, tenancyhttp.WithObserver(seen)))(whoami)
	conn, err := net.Dial("tcp", serve(t, h))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: acme.example.com\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-store.entered
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	read(t, conn, "GET").wantProblem(t, 503, "unavailable")
	if event := seen.nth(t, 1); event.Outcome != resolve.OutcomeCanceled || !errors.Is(event.Err, context.Canceled) {
		t.Errorf("observed %+v", event)
	}
}

func TestCanceledHTTP2(t *testing.T) {
	seen := &events{}
	store := hung{make(chan struct{})}
	client := http2(t, must(tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain("example.com"), silent, tenancyhttp.WithObserver(seen)))(whoami))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-store.entered
		cancel()
	}()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://acme.example.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := client.Do(r); err == nil {
		resp.Body.Close()
		t.Errorf("answered %s", resp.Status)
	}
	if event := seen.nth(t, 1); event.Outcome != resolve.OutcomeCanceled {
		t.Errorf("observed %+v", event)
	}
}

type breakerOpen struct{ wait time.Duration }

func (b breakerOpen) Error() string             { return "circuit breaker is open" }
func (b breakerOpen) Unwrap() error             { return tenancy.ErrUnavailable }
func (b breakerOpen) RetryAfter() time.Duration { return b.wait }

func TestRetryAfter(t *testing.T) {
	for name, row := range map[string]struct {
		err         error
		opts        []tenancyhttp.Option
		least, most int64
	}{
		"default":             {tenancy.ErrUnavailable, nil, 2, 5},
		"option":              {tenancy.ErrUnavailable, []tenancyhttp.Option{tenancyhttp.WithRetryAfter(30 * time.Second)}, 30, 61},
		"an open breaker":     {breakerOpen{20 * time.Second}, nil, 20, 41},
		"one that soon opens": {breakerOpen{time.Millisecond}, nil, 2, 5},
		"the longest time":    {breakerOpen{math.MaxInt64}, nil, int64(math.MaxInt64 / time.Second), math.MaxInt64},
		"at least a second":   {tenancy.ErrUnavailable, []tenancyhttp.Option{tenancyhttp.WithRetryAfter(0)}, 1, 3},
	} {
		t.Run(name, func(t *testing.T) {
			address := serve(t, must(tenancyhttp.NewMiddleware(failing{row.err}, tenancyhttp.Subdomain("example.com"), append(row.opts, silent)...))(whoami))
			different := map[int64]bool{}
			for range 40 {
				seconds, err := strconv.ParseInt(get(t, address, "/", "Host: acme.example.com").header.Get("Retry-After"), 10, 64)
				if err != nil || seconds < row.least || seconds > row.most {
					t.Fatalf("Retry-After: %d, %v", seconds, err)
				}
				different[seconds] = true
			}
			if len(different) < 2 {
				t.Errorf("always %v", different)
			}
		})
	}
}

// Nobody can tell a tenant that is not served from one that does not exist: every
// byte but the date is the same.
func TestHidden(t *testing.T) {
	resolvers := map[string]tenancyhttp.Resolver{
		"subdomain": tenancyhttp.Subdomain("example.com"),
		"header":    tenancyhttp.Header("X-Tenant"),
		"agree":     tenancyhttp.Agree(tenancyhttp.Subdomain("example.com"), tenancyhttp.Header("X-Tenant")),
	}
	for name, resolver := range resolvers {
		t.Run(name, func(t *testing.T) {
			seen := &events{}
			h := guarded(t, resolver, tenancyhttp.WithHidden(), tenancyhttp.WithStatus(resolve.OutcomeDeleted, http.StatusGone), tenancyhttp.WithObserver(seen))
			address, client := serve(t, h), http2(t, h)
			ask := func(method, tenant string) [2]string {
				host, x := "Host: "+tenant+".example.com", "X-Tenant: "+tenant
				one := raw(t, address, method+" / HTTP/1.1\r\n"+host+"\r\n"+x+"\r\nConnection: close\r\n\r\n")
				two := over2(t, client, method, "https://h/", host, x)
				for _, a := range []*answer{&one, &two} {
					a.header.Del("Date")
				}
				return [2]string{fmt.Sprint(one), fmt.Sprint(two)}
			}
			for _, method := range []string{"GET", "HEAD", "POST", "DELETE"} {
				unknown := ask(method, "nobody")
				if !strings.HasPrefix(unknown[0], "{404") {
					t.Fatalf("unknown: %s", unknown[0])
				}
				for _, tenant := range []string{"late", "gone", "new", "odd"} {
					if got := ask(method, tenant); got != unknown {
						t.Errorf("%s %s:\n%s\nunknown:\n%s", method, tenant, got, unknown)
					}
				}
			}
			outcomes := map[resolve.Outcome]bool{}
			for _, e := range seen.all {
				outcomes[e.Outcome] = true
			}
			if len(outcomes) != 4 {
				t.Errorf("the observer was told %v", outcomes)
			}
		})
	}
}

// The same where a request has both an ID and an identifier, whichever of them
// exist and go together.
func TestHiddenWithTwoKeys(t *testing.T) {
	for name, resolver := range map[string]tenancyhttp.Resolver{
		"plain":   tenancyhttp.Agree(tenancyhttp.Header("X-ID", tenancyhttp.ByID()), tenancyhttp.Header("X-Tenant")),
		"swapped": tenancyhttp.Agree(tenancyhttp.Header("X-Tenant"), tenancyhttp.Header("X-ID", tenancyhttp.ByID())),
		"credential": tenancyhttp.Agree(tenancyhttp.Claims(func(r *http.Request) (string, error) { return r.Header.Get("X-ID"), nil },
			tenancyhttp.ByID()), tenancyhttp.Header("X-Tenant")),
	} {
		t.Run(name, func(t *testing.T) {
			address := serve(t, guarded(t, resolver, tenancyhttp.WithHidden()))
			ask := func(id, identifier string) string {
				got := get(t, address, "/", "Host: h", "X-ID: "+id, "X-Tenant: "+identifier)
				got.header.Del("Date")
				return fmt.Sprint(got)
			}
			unknown := ask("id-nobody", "nobody")
			for _, id := range []string{"id-nobody", "id-late", "id-gone", "id-new", "id-acme"} {
				for _, identifier := range []string{"nobody", "late", "gone", "new", "acme"} {
					if id == "id-acme" && identifier == "acme" {
						continue // which is served
					}
					if got := ask(id, identifier); got != unknown {
						t.Errorf("%s and %s:\n%s\nunknown:\n%s", id, identifier, got, unknown)
					}
				}
			}
			get(t, address, "/", "Host: h", "X-ID: id-acme", "X-Tenant: acme").wantTenant(t, "acme")
		})
	}
}

func TestServedStatuses(t *testing.T) {
	address := serve(t, guarded(t, tenancyhttp.Subdomain("example.com"), tenancyhttp.WithServed(tenancy.StatusActive, tenancy.StatusSuspended)))
	get(t, address, "/", "Host: acme.example.com").wantTenant(t, "acme")
	get(t, address, "/", "Host: late.example.com").wantTenant(t, "late")
	get(t, address, "/", "Host: odd.example.com").wantProblem(t, 403, "tenant-suspended")
	get(t, address, "/", "Host: gone.example.com").wantProblem(t, 404, "tenant-not-found")
}

func TestStatusOption(t *testing.T) {
	address := serve(t, guarded(t, tenancyhttp.Agree(tenancyhttp.Subdomain("example.com"), tenancyhttp.Header("X-Tenant")),
		tenancyhttp.WithStatus(resolve.OutcomeDeleted, http.StatusGone),
		tenancyhttp.WithStatus(resolve.OutcomeSuspended, http.StatusPaymentRequired),
		tenancyhttp.WithStatus(resolve.OutcomeProvisioning, http.StatusConflict),
		tenancyhttp.WithStatus(resolve.OutcomeConflict, http.StatusUnprocessableEntity)))
	get(t, address, "/", "Host: gone.example.com").wantProblem(t, 410, "tenant-deleted")
	get(t, address, "/", "Host: late.example.com").wantProblem(t, 402, "tenant-suspended")
	get(t, address, "/", "Host: new.example.com").wantProblem(t, 409, "tenant-not-ready")
	get(t, address, "/", "Host: acme.example.com", "X-Tenant: globex").wantProblem(t, 422, "tenant-conflict")
}

func TestErrorHandler(t *testing.T) {
	address := serve(t, guarded(t, tenancyhttp.Header("X-Tenant"), tenancyhttp.WithErrorHandler(
		func(w http.ResponseWriter, r *http.Request, p tenancyhttp.Problem) {
			if !strings.Contains(r.Header.Get("Accept"), "text/html") {
				p.ServeHTTP(w, r)
				return
			}
			w.WriteHeader(p.Status)
			_, _ = io.WriteString(w, "<h1>"+p.Title)
		})))
	get(t, address, "/", "Host: h", "X-Tenant: nobody").wantProblem(t, 404, "tenant-not-found")
	got := get(t, address, "/", "Host: h", "X-Tenant: nobody", "Accept: text/html")
	if got.status != 404 || got.body != "<h1>There is no such tenant." || got.header.Get("Cache-Control") != "no-store" || got.header.Get("Vary") != "X-Tenant" {
		t.Errorf("got %+v", got)
	}
}

// Behind another middleware there is no second lookup, and no other tenant.
func TestNested(t *testing.T) {
	seen := &events{}
	build := func(resolver tenancyhttp.Resolver, opts ...tenancyhttp.Option) string {
		none := failing{errors.New("there is a second lookup")}
		h := must(tenancyhttp.NewMiddleware(none, resolver, append(opts, silent, tenancyhttp.WithObserver(seen))...))(whoami)
		return serve(t, must(tenancyhttp.NewMiddleware(people, tenancyhttp.Subdomain("example.com"), silent,
			tenancyhttp.WithServed(tenancy.StatusActive, tenancy.StatusSuspended)))(h))
	}
	byHeader := build(tenancyhttp.Header("X-Tenant"))
	get(t, byHeader, "/", "Host: acme.example.com").wantTenant(t, "acme")
	get(t, byHeader, "/", "Host: acme.example.com", "X-Tenant: acme").wantTenant(t, "acme")
	if event := seen.nth(t, 2); event.Resolver != "context" || event.Outcome != resolve.OutcomeResolved {
		t.Errorf("observed %+v", event)
	}
	get(t, byHeader, "/", "Host: acme.example.com", "X-Tenant: globex").wantProblem(t, 400, "tenant-conflict")
	get(t, byHeader, "/", "Host: acme.example.com", "X-Tenant: nobody").wantProblem(t, 400, "tenant-conflict")
	get(t, byHeader, "/", "Host: acme.example.com", "X-Tenant: !").wantProblem(t, 400, "tenant-malformed")
	get(t, byHeader, "/", "Host: late.example.com").wantProblem(t, 403, "tenant-suspended") // by the inner policy
	get(t, build(tenancyhttp.Header("X-Tenant", tenancyhttp.ByID())), "/", "Host: acme.example.com", "X-Tenant: id-acme").wantTenant(t, "acme")
	silentFunc := tenancyhttp.Func(func(*http.Request) (tenancy.Key, error) { return tenancy.Key{}, nil })
	get(t, build(silentFunc), "/", "Host: acme.example.com").wantTenant(t, "acme")
	get(t, build(tenancyhttp.Subdomain("example.org")), "/", "Host: acme.example.com").wantProblem(t, 421, "host-not-served")
	get(t, build(tenancyhttp.Subdomain("example.org"), tenancyhttp.WithOptional()), "/", "Host: acme.example.com").wantProblem(t, 421, "host-not-served")
}

// rogue is a resolver that means to strip what is not there.
type rogue struct{ err error }

func (r rogue) Resolve(*http.Request) (tenancyhttp.Match, error) {
	return tenancyhttp.Match{Match: resolve.Match{Key: tenancy.IdentifierKey("acme"), Resolver: "rogue"}, Strip: "/not/there"}, r.err
}

func TestRogueStrip(t *testing.T) {
	get(t, serve(t, guarded(t, rogue{})), "/not/thereabouts", "Host: h").wantProblem(t, 400, "tenant-malformed")
	get(t, serve(t, guarded(t, rogue{resolve.ErrAbsent})), "/", "Host: h").wantProblem(t, 400, "tenant-missing")
	nested := must(tenancyhttp.NewMiddleware(people, rogue{resolve.ErrAbsent}, silent))(whoami)
	get(t, serve(t, must(tenancyhttp.NewMiddleware(people, tenancyhttp.Subdomain("example.com"), silent))(nested)), "/", "Host: acme.example.com").wantTenant(t, "acme")
	found := must(tenancyhttp.NewMiddleware(people, rogue{}, silent))(whoami)
	get(t, serve(t, found), "/not/there/x", "Host: h").wantTenant(t, "acme")
}

// The whole way through a store of this project, with a tenant that changes.
func TestWithStore(t *testing.T) {
	store := memstore.New()
	defer store.Close()
	acme, err := store.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	address := serve(t, must(tenancyhttp.NewMiddleware(store, tenancyhttp.Subdomain("example.com"), silent))(whoami))
	get(t, address, "/", "Host: acme.example.com").wantTenant(t, "acme")
	if _, err := store.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended); err != nil {
		t.Fatal(err)
	}
	get(t, address, "/", "Host: acme.example.com").wantProblem(t, 403, "tenant-suspended")
	if err := store.Delete(t.Context(), acme.ID); err != nil {
		t.Fatal(err)
	}
	get(t, address, "/", "Host: acme.example.com").wantProblem(t, 404, "tenant-not-found")
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	get(t, address, "/", "Host: acme.example.com").wantProblem(t, 503, "unavailable")
}
