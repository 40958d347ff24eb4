package tenantserver_test

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/go-tenancy/tenantstore/adapters/http/tenantserver"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is a server under test.
type service struct {
	testing.TB
	handler *tenantserver.Server
	url     string
}

// serve serves source until the end of the test.
func serve(tb testing.TB, source tenancy.Source, authorize tenantserver.Authorizer) *service {
	tb.Helper()
	handler := handlerOf(tb, source, authorize)
	server := httptest.NewServer(handler)
	tb.Cleanup(func() {
		_ = handler.Close()
		server.Close()
	})
	return &service{tb, handler, server.URL}
}

func handlerOf(tb testing.TB, source tenancy.Source, authorize tenantserver.Authorizer) *tenantserver.Server {
	tb.Helper()
	handler, err := tenantserver.New(source, authorize, tenantserver.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		tb.Fatal(err)
	}
	return handler
}

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	body   string
}

// member returns a top-level member of the body as text.
func (a answer) member(name string) string {
	var members map[string]any
	if json.Unmarshal([]byte(a.body), &members) != nil {
		return ""
	}
	text, _ := members[name].(string)
	return text
}

// do sends a request; header holds names and values in turns.
func (s *service) do(method, path, body string, header ...string) answer {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		s.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(got)}
}

// want expects a status, and of a problem the code.
func (s *service) want(a answer, status int, code, what string) {
	s.Helper()
	if a.status != status || a.member("code") != code {
		s.Errorf("%s: got %d %q, want %d %q: %s", what, a.status, a.member("code"), status, code, a.body)
	}
}

var errNoToken = errors.New("no token")

// byToken is an Authorizer by the token in the request: the words that it allows.
func byToken(r *http.Request) (tenantserver.Access, error) {
	words, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !found {
		return tenantserver.Access{}, errNoToken
	}
	return tenantserver.Access{
		Read: strings.Contains(words, "read"), Write: strings.Contains(words, "write"), Secrets: strings.Contains(words, "secrets"),
	}, nil
}
