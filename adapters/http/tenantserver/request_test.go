package tenantserver_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/http/tenantserver"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// TestBodies: what somebody might read in another way is refused, and named.
func TestBodies(t *testing.T) {
	s := serve(t, prepared(t), tenantserver.Full)
	const path = "/v1/tenants"
	for name, c := range map[string]struct {
		body, field string
		status      int
		code        string
		header      []string
	}{
		"no JSON":          {body: "identifier=x", status: 400, code: "bad-json"},
		"two objects":      {body: `{} {}`, status: 400, code: "bad-json"},
		"an array":         {body: `[]`, status: 400, code: "bad-json"},
		"not UTF-8":        {body: "{\"name\":\"\xff\"}", status: 400, code: "bad-json"},
		"half a surrogate": {body: `{"identifier":"abc","name":"\ud800"}`, status: 400, code: "invalid"},
		"deep":             {body: `{"metadata":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`, status: 400, code: "bad-json"},
		"unknown member":   {body: `{"colour":"x"}`, field: "colour", status: 400, code: "invalid"},
		"another case":     {body: `{"Identifier":"x"}`, field: "Identifier", status: 400, code: "invalid"},
		"member twice":     {body: `{"name":"x","name":"y"}`, field: "name", status: 400, code: "invalid"},
		"wrong type":       {body: `{"name":1}`, field: "name", status: 400, code: "invalid"},
		"a rule":           {body: `{"identifier":"X!","name":"y"}`, field: "identifier", status: 400, code: "invalid"},
		"taken":            {body: `{"identifier":"acme","name":"y"}`, field: "identifier", status: 409, code: "already-exists"},
		"huge":             {body: `{"name":"` + strings.Repeat("x", 9<<20) + `"}`, status: 413, code: "too-large"},
		"another type":     {body: `{}`, status: 415, code: "unsupported-media-type", header: []string{"Content-Type", "text/plain"}},
		"another charset":  {body: `{}`, status: 415, code: "unsupported-media-type", header: []string{"Content-Type", "application/json; charset=latin1"}},
		"compressed":       {body: `{}`, status: 415, code: "unsupported-encoding", header: []string{"Content-Encoding", "gzip"}},
	} {
		a := s.do("POST", path, c.body, c.header...)
		s.want(a, c.status, c.code, name)
		if a.member("field") != c.field || a.member("applied") != "no" {
			t.Errorf("%s: field %q, applied %q", name, a.member("field"), a.member("applied"))
		}
		if a.header.Get("Content-Type") != "application/problem+json" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: header %v", name, a.header)
		}
	}
	s.want(s.do("POST", "/v1/tenants/t1:suspend", "{}"), http.StatusBadRequest, "unexpected-body", "a body where none is taken")
}

// TestPaths: what is not served says so by another problem than a tenant that is not there.
func TestPaths(t *testing.T) {
	s := serve(t, prepared(t), tenantserver.Full)
	for _, c := range []struct {
		method, path string
		status       int
		code         string
	}{
		{"GET", "/", 404, "no-such-endpoint"},
		{"GET", "/v2/tenants", 404, "no-such-endpoint"},
		{"POST", "/v1/tenants/t1", 404, "no-such-endpoint"},
		{"POST", "/v1/tenants/t1:explode", 404, "no-such-endpoint"},
		{"POST", "/v1/tenants/t1/domains/acme.test", 404, "no-such-endpoint"},
		{"DELETE", "/v1/tenants", 405, "method-not-allowed"},
		{"HEAD", "/v1/watch", 405, ""},
		{"GET", "/v1/tenants/nobody", 404, "tenant-not-found"},
		{"GET", "/v1/tenants/~!", 400, "invalid"},
		{"GET", "/v1/tenants/~dDE", 200, ""}, // t1
		{"GET", "/v1/by-identifier/No!", 400, "invalid"},
		{"GET", "/v1/tenants?colour=red", 400, "invalid"},
		{"GET", "/v1/tenants?limit=1&limit=2", 400, "invalid"},
		{"GET", "/v1/tenants?limit=x", 400, "invalid"},
		{"GET", "/v1/tenants?limit=1001", 400, "invalid"},
		{"GET", "/v1/tenants?status=unknown", 400, "invalid"},
		{"GET", "/v1/tenants?cursor=x", 400, "invalid"},
		{"GET", "/v1/names?cursor=x", 400, "invalid"},
		{"GET", "/v1/changes?after=x", 400, "invalid"},
		{"GET", "/v1/changes?wait=2m", 400, "invalid"},
		{"GET", "/v1/watch?after=x", 400, "invalid"},
	} {
		a := s.do(c.method, c.path, "")
		s.want(a, c.status, c.code, c.method+" "+c.path)
		if c.status == http.StatusMethodNotAllowed && a.header.Get("Allow") == "" {
			t.Errorf("%s %s has no Allow", c.method, c.path)
		}
	}
}

// down is a store that cannot answer.
type down struct{ *memstore.Store }

func (down) Count(context.Context, tenancy.Filter) (int, error) {
	return 0, fmt.Errorf("%w: db.internal refuses user app", tenancy.ErrUnavailable)
}

// TestOutageIsHidden: an answer tells nothing of what failed inside, which is logged, and not
// once for each request.
func TestOutageIsHidden(t *testing.T) {
	var log bytes.Buffer
	handler, err := tenantserver.New(down{prepared(t)}, tenantserver.Full, tenantserver.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = handler.Close() }()
	begun := time.Now()
	const n = 1000
	for range n {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/tenants:count", nil))
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "db.internal") {
			t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
		}
	}
	most := 1 + int(time.Since(begun)/time.Second)
	if lines := strings.Count(log.String(), "db.internal"); lines < 1 || lines > most {
		t.Errorf("%d lines, want 1 to %d", lines, most)
	}
}
