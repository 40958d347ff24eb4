package tenantclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/http/tenantclient"
	"github.com/go-tenancy/tenantstore/adapters/http/tenantserver"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// operation is a method of a store, called with input that is right.
type operation struct {
	name   string
	writes bool
	call   func(ctx context.Context, s *tenantclient.Store) error
}

func second[T any](_ T, err error) error { return err }

func operations() []operation {
	edited := tenancy.Tenant{ID: "t1", Identifier: "acme", Name: "Acme", Status: tenancy.StatusActive, Revision: tenancy.AnyRevision}
	return []operation{
		{"GetByID", false, func(ctx context.Context, s *tenantclient.Store) error { return second(s.GetByID(ctx, "t1")) }},
		{"GetByIdentifier", false, func(ctx context.Context, s *tenantclient.Store) error { return second(s.GetByIdentifier(ctx, "acme")) }},
		{"GetByIDs", false, func(ctx context.Context, s *tenantclient.Store) error { return second(s.GetByIDs(ctx, []string{"t1"})) }},
		{"Exists", false, func(ctx context.Context, s *tenantclient.Store) error { return second(s.Exists(ctx, "t1")) }},
		{"List", false, func(ctx context.Context, s *tenantclient.Store) error {
			return second(s.List(ctx, tenancy.ListOptions{}))
		}},
		{"Count", false, func(ctx context.Context, s *tenantclient.Store) error { return second(s.Count(ctx, tenancy.Filter{})) }},
		{"Search", false, func(ctx context.Context, s *tenantclient.Store) error {
			return second(s.Search(ctx, "acme", tenancy.SearchOptions{}))
		}},
		{"GetByDomain", false, func(ctx context.Context, s *tenantclient.Store) error { return second(s.GetByDomain(ctx, "acme.test")) }},
		{"FormerOwner", false, func(ctx context.Context, s *tenantclient.Store) error { return second(s.FormerOwner(ctx, "acme-old")) }},
		{"NamesOf", false, func(ctx context.Context, s *tenantclient.Store) error { return second(s.NamesOf(ctx, "t1")) }},
		{"ListNames", false, func(ctx context.Context, s *tenantclient.Store) error {
			return second(s.ListNames(ctx, tenancy.TenantName{}, 0))
		}},
		{"Bounds", false, func(ctx context.Context, s *tenantclient.Store) error { return second(s.Bounds(ctx)) }},
		{"Changes", false, func(ctx context.Context, s *tenantclient.Store) error {
			return second(s.Changes(ctx, tenancy.Position{}, 0))
		}},
		{"Load", false, func(ctx context.Context, s *tenantclient.Store) error {
			return second(s.Load(ctx, []tenancy.Lookup{{Key: tenancy.IDKey("t1")}}))
		}},
		{"Create", true, func(ctx context.Context, s *tenantclient.Store) error {
			return second(s.Create(ctx, tenancy.Tenant{Identifier: "new", Name: "New"}))
		}},
		{"CreateBatch", true, func(ctx context.Context, s *tenantclient.Store) error {
			return second(s.CreateBatch(ctx, []tenancy.Tenant{{Identifier: "new", Name: "New"}}))
		}},
		{"Update", true, func(ctx context.Context, s *tenantclient.Store) error { return second(s.Update(ctx, edited)) }},
		{"SetStatus", true, func(ctx context.Context, s *tenantclient.Store) error {
			return second(s.SetStatus(ctx, "t1", tenancy.StatusActive))
		}},
		{"BulkUpdateStatus", true, func(ctx context.Context, s *tenantclient.Store) error {
			return second(s.BulkUpdateStatus(ctx, []string{"t1"}, tenancy.StatusActive))
		}},
		{"UpdateMetadata", true, func(ctx context.Context, s *tenantclient.Store) error {
			return second(s.UpdateMetadata(ctx, "t1", tenancy.Metadata{}))
		}},
		{"Delete", true, func(ctx context.Context, s *tenantclient.Store) error { return s.Delete(ctx, "t1") }},
		{"Purge", true, func(ctx context.Context, s *tenantclient.Store) error { return s.Purge(ctx, "t1") }},
		{"AddDomain", true, func(ctx context.Context, s *tenantclient.Store) error {
			return second(s.AddDomain(ctx, "t1", "acme.test"))
		}},
		{"VerifyDomain", true, func(ctx context.Context, s *tenantclient.Store) error {
			return second(s.VerifyDomain(ctx, "t1", "acme.test"))
		}},
		{"SetPrimaryDomain", true, func(ctx context.Context, s *tenantclient.Store) error {
			return second(s.SetPrimaryDomain(ctx, "t1", "acme.test"))
		}},
		{"RemoveDomain", true, func(ctx context.Context, s *tenantclient.Store) error {
			return second(s.RemoveDomain(ctx, "t1", "acme.test"))
		}},
	}
}

// answering is a server that gives every request the same answer.
func answering(status int, contentType, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func problem(status int, code, more string) http.HandlerFunc {
	body, _ := json.Marshal(map[string]any{"type": "urn:tenantstore:problem:" + code, "code": code, "status": status, "title": "T"})
	return answering(status, "application/problem+json", strings.TrimSuffix(string(body), "}")+more+"}")
}

func openAt(t *testing.T, url string, opts ...tenantclient.Option) *tenantclient.Store {
	t.Helper()
	store, err := tenantclient.Open(url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// TestOutage: whatever answers in the place of the server, if anything does, no method of the
// client says that there is no such tenant, or returns one, or an empty list. A write may
// have happened unless it was not sent, or the server has refused it.
func TestOutage(t *testing.T) {
	const jsonType = "application/json"
	for name, c := range map[string]struct {
		handler    http.HandlerFunc // nil: nobody listens
		notApplied bool
	}{
		"nobody":                 {nil, true},
		"proxy without a server": {answering(502, "text/html", "<h1>Bad Gateway</h1>"), false},
		"proxy that is slow":     {answering(504, "", ""), false},
		"another service":        {answering(404, "text/plain", "404 page not found"), false},
		"another path":           {problem(404, "no-such-endpoint", `,"applied":"no"`), true},
		"another API":            {answering(404, jsonType, `{"code":"tenant-not-found"}`), false},
		"another problem":        {answering(404, "application/problem+json", `{"type":"about:blank","status":404}`), false},
		"a problem of another status": {answering(404, "application/problem+json",
			`{"type":"urn:tenantstore:problem:tenant-not-found","code":"tenant-not-found","status":410}`), false},
		"a portal":         {answering(200, "text/html", "<h1>Please log in</h1>"), false},
		"a redirect":       {answering(307, "", "", "Location", "/elsewhere"), false},
		"no content":       {answering(204, "", ""), false},
		"an empty object":  {answering(200, jsonType, "{}"), false},
		"null":             {answering(200, jsonType, "null"), false},
		"an array":         {answering(200, jsonType, "[]"), false},
		"no tenant":        {answering(200, jsonType, `{"revision":1,"mark":"0000000000000001"}`), false},
		"a cut answer":     {answering(200, jsonType, `{"id":"t1","identifier":"ac`), false},
		"a short answer":   {answering(200, jsonType, `{"id":"t1"`, "Content-Length", "500"), false},
		"an outage":        {problem(503, "unavailable", `,"applied":"unknown"`), false},
		"a refused write":  {problem(503, "unavailable", `,"applied":"no"`), true},
		"no valid token":   {problem(401, "unauthenticated", `,"applied":"no"`), true},
		"not enough":       {problem(403, "forbidden", `,"applied":"no"`), true},
		"a failure":        {problem(500, "internal", `,"applied":"unknown"`), false},
		"a lagging server": {problem(503, "position-ahead", ""), false},
		"a lost answer": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = conn.Close()
			}
		}, false},
	} {
		if c.handler == nil {
			outage(t, name, nil, c.notApplied)
			continue
		}
		outage(t, name, ours(c.handler), c.notApplied)
		outage(t, name+" of a stranger", c.handler, false)
	}
	// What a product behind tenancyhttp answers about its own tenants.
	outage(t, "no tenant of a product", problem(404, "tenant-not-found", ""), false)
	outage(t, "no position of a product", problem(410, "log-compacted", ""), false)
}

// ours is handler as a service of this kind.
func ours(handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Tenantstore-Api", "1")
		handler(w, r)
	}
}

// outage expects every method to fail with ErrUnavailable and with nothing else.
func outage(t *testing.T, name string, handler http.HandlerFunc, notApplied bool) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		url := "http://" + nobody(t)
		if handler != nil {
			server := httptest.NewServer(handler)
			defer server.Close()
			url = server.URL
		}
		store := openAt(t, url)
		for _, op := range operations() {
			if name == "no content" && (op.name == "Delete" || op.name == "Purge") {
				continue // that is the answer
			}
			err := op.call(t.Context(), store)
			if !errors.Is(err, tenancy.ErrUnavailable) {
				t.Errorf("%s: %v", op.name, err)
			}
			for _, not := range []error{tenancy.ErrNotFound, tenancy.ErrInvalid, tenancy.ErrClosed, tenancy.ErrCompacted} {
				if errors.Is(err, not) {
					t.Errorf("%s: %v", op.name, err)
				}
			}
			if op.writes && errors.Is(err, tenancy.ErrNotApplied) != notApplied {
				t.Errorf("%s: ErrNotApplied is said: %t, want %t: %v", op.name, !notApplied, notApplied, err)
			}
		}
	})
}

// nobody returns an address at which nobody listens.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// TestEndedContext: a call ends with its context, whatever the server does, and does not say
// of a write that has reached the server that it has not happened.
func TestEndedContext(t *testing.T) {
	arrived := make(chan context.CancelFunc, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		(<-arrived)()
		<-r.Context().Done()
	}))
	defer server.Close()
	store := openAt(t, server.URL)
	for _, op := range operations() {
		ctx, cancel := context.WithCancel(t.Context())
		arrived <- cancel
		if err := op.call(ctx, store); !errors.Is(err, context.Canceled) || op.writes && errors.Is(err, tenancy.ErrNotApplied) {
			t.Errorf("%s: %v", op.name, err)
		}
		cancel()
	}
	ctx, cancel := context.WithTimeout(t.Context(), -1)
	defer cancel()
	for _, op := range operations() {
		if err := op.call(ctx, store); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s after its deadline: %v", op.name, err)
		}
	}
}

// TestMasked: a client that may not see secrets has tenants whose secret is withheld, and
// cannot overwrite it unseen.
func TestMasked(t *testing.T) {
	source := memstore.New()
	stored, err := source.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme", DatabaseURL: tenancy.NewSecret("postgres://secret")})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := tenantserver.New(source, func(*http.Request) (tenantserver.Access, error) { return tenantserver.Access{Write: true}, nil })
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	defer func() { _ = handler.Close() }()
	store := openAt(t, server.URL)
	got, err := store.GetByID(t.Context(), stored.ID)
	if err != nil || !errors.Is(got.DatabaseURL.Err(), tenancy.ErrWithheld) {
		t.Fatalf("GetByID: %v, %v", got.DatabaseURL.Err(), err)
	}
	got.Name = "Acme Ltd."
	if _, err := store.Update(t.Context(), got); !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("Update of a tenant with a withheld secret: %v", err)
	}
	if _, err := store.SetStatus(t.Context(), stored.ID, tenancy.StatusSuspended); err != nil {
		t.Errorf("SetStatus: %v", err)
	}
	if now, err := source.GetByID(t.Context(), stored.ID); err != nil || now.DatabaseURL.Reveal() != "postgres://secret" {
		t.Errorf("the secret was changed: %v", err)
	}
}

// TestToken: the token goes to the server, and nowhere else: not after a redirect, and not
// into an error.
func TestToken(t *testing.T) {
	const token = "c4nary-token"
	got := make(chan string, 10)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got <- "elsewhere " + r.Header.Get("Authorization")
	}))
	defer elsewhere.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header.Get("Authorization")
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	_, err := openAt(t, server.URL, tenantclient.WithToken(token)).GetByID(t.Context(), "t1")
	if !errors.Is(err, tenancy.ErrUnavailable) || strings.Contains(err.Error(), token) {
		t.Errorf("the error is %v", err)
	}
	if a := <-got; a != "Bearer "+token {
		t.Errorf("the server got %q", a)
	}
	if len(got) > 0 {
		t.Errorf("somebody else got %q", <-got)
	}
}

// TestOpenRefuses: what cannot be right is refused at the start, without repeating it.
func TestOpenRefuses(t *testing.T) {
	for _, url := range []string{
		"", "localhost:8080", "ftp://host", "http://", "http://user:c4nary@host", "https://host/?token=c4nary", "https://host/#c4nary", "http://[c4nary",
	} {
		if _, err := tenantclient.Open(url); !errors.Is(err, tenancy.ErrInvalid) || strings.Contains(err.Error(), "c4nary") {
			t.Errorf("Open(%q): %v", url, err)
		}
	}
	for name, o := range map[string]tenantclient.Option{
		"no option":        nil,
		"no token":         tenantclient.WithToken(""),
		"a token of lines": tenantclient.WithToken("a\r\nb"),
		"no client":        tenantclient.WithHTTPClient(nil),
		"no interval":      tenantclient.WithPollInterval(0),
	} {
		if _, err := tenantclient.Open("http://localhost", o); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
