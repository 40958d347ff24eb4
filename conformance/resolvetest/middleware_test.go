package resolvetest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/conformance/resolvetest"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// middleware is a small one that keeps every rule. A mutant replaces a part.
type middleware struct {
	getter tenancy.Getter
	next   http.Handler
	hidden bool

	clean   func(r *http.Request) bool
	names   func(r *http.Request) []string
	get     func(ctx context.Context, name string) (tenancy.Tenant, error)
	serves  func(t tenancy.Tenant) bool
	status  func(err error) int
	refuse  func(w http.ResponseWriter, r *http.Request, status int, err error)
	pass    func(w http.ResponseWriter, r *http.Request, t tenancy.Tenant)
	inOuter func(outer tenancy.Tenant, name string) bool
}

var (
	errNone      = errors.New("names no tenant")
	errSeveral   = errors.New("names several")
	errUnclean   = errors.New("has a path that is not clean")
	errNotServed = errors.New("not served")
)

func newMiddleware(getter tenancy.Getter, next http.Handler) *middleware {
	m := &middleware{getter: getter, next: next}
	m.clean = isClean
	m.names = func(r *http.Request) []string {
		if rest, ok := strings.CutPrefix(r.URL.EscapedPath(), "/files/"); ok {
			name, _, _ := strings.Cut(rest, "/")
			return []string{name}
		}
		return r.Header["X-Tenant"]
	}
	m.get = getter.GetByIdentifier
	m.serves = func(t tenancy.Tenant) bool { return t.Status == tenancy.StatusActive }
	m.status = func(err error) int {
		switch {
		case errors.Is(err, tenancy.ErrUnavailable):
			return http.StatusServiceUnavailable
		case errors.Is(err, tenancy.ErrNotFound), errors.Is(err, errNotServed) && m.hidden:
			return http.StatusNotFound
		case errors.Is(err, errNotServed):
			return http.StatusForbidden
		case errors.Is(err, tenancy.ErrInvalid), errors.Is(err, errNone), errors.Is(err, errSeveral), errors.Is(err, errUnclean):
			return http.StatusBadRequest
		}
		return http.StatusServiceUnavailable
	}
	m.refuse = func(w http.ResponseWriter, _ *http.Request, status int, _ error) {
		w.Header().Set("Cache-Control", "no-store")
		if status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "2")
		}
		w.WriteHeader(status)
	}
	m.pass = func(w http.ResponseWriter, r *http.Request, t tenancy.Tenant) {
		next.ServeHTTP(w, r.WithContext(tenancy.NewContext(r.Context(), t)))
	}
	m.inOuter = func(outer tenancy.Tenant, name string) bool { return outer.Identifier == name }
	return m
}

func (m *middleware) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "X-Tenant")
	t, err := m.resolve(r)
	if err == nil && !m.serves(t) {
		err = errNotServed
	}
	if err != nil {
		m.refuse(w, r, m.status(err), err)
		return
	}
	m.pass(w, r, t)
}

func (m *middleware) resolve(r *http.Request) (tenancy.Tenant, error) {
	if !m.clean(r) {
		return tenancy.Tenant{}, errUnclean
	}
	names := m.names(r)
	switch len(names) {
	case 0:
		return tenancy.Tenant{}, errNone
	case 1:
	default:
		return tenancy.Tenant{}, errSeveral
	}
	if err := tenancy.ValidateIdentifier(names[0]); err != nil {
		return tenancy.Tenant{}, err
	}
	if outer, ok := tenancy.FromContext(r.Context()); ok && !m.inOuter(outer, names[0]) {
		return tenancy.Tenant{}, errSeveral
	}
	return m.get(r.Context(), names[0])
}

// isClean reports whether all servers read the same segments in the path of r.
func isClean(r *http.Request) bool {
	return !strings.Contains(r.URL.Path, "%") && allNamed(r.URL.EscapedPath()) && allNamed(strings.ReplaceAll(r.URL.Path, `\`, "/"))
}

// allNamed reports whether no segment of path is empty, or made of dots.
func allNamed(path string) bool {
	segments := strings.Split(path, "/")[1:]
	for i, segment := range segments {
		switch name, _, _ := strings.Cut(segment, ";"); {
		case name == ".", name == "..", name == "" && i < len(segments)-1:
			return false
		}
	}
	return true
}

// harness is one for a middleware that spoil has had its way with.
func harness(spoil func(*middleware) http.Handler) resolvetest.Harness {
	open := func(hidden bool) func(testing.TB, tenancy.Getter, http.Handler) http.Handler {
		return func(_ testing.TB, getter tenancy.Getter, next http.Handler) http.Handler {
			m := newMiddleware(getter, next)
			m.hidden = hidden
			if spoil == nil {
				return m
			}
			return spoil(m)
		}
	}
	request := func(names ...string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "http://example.com/path?q=1", nil)
		for _, name := range names {
			r.Header.Add("X-Tenant", name)
		}
		return r
	}
	return resolvetest.Harness{
		Open:       open(false),
		OpenHidden: open(true),
		Request:    func(_ testing.TB, name string) *http.Request { return request(name) },
		Absent:     func(testing.TB) *http.Request { return request() },
		Both:       func(_ testing.TB, one, other string) *http.Request { return request(one, other) },
		Path: func(_ testing.TB, name, rest string) *http.Request {
			return httptest.NewRequest(http.MethodGet, "http://example.com/files/"+name+rest, nil)
		},
		Vary: []string{"X-Tenant"},
	}
}

func TestMiddleware(t *testing.T) { resolvetest.Run(t, harness(nil)) }

// The same by ID.
func TestMiddlewareByID(t *testing.T) {
	h := harness(nil)
	h.ByID = true
	open := func(hidden bool) func(testing.TB, tenancy.Getter, http.Handler) http.Handler {
		return func(_ testing.TB, getter tenancy.Getter, next http.Handler) http.Handler {
			return byID(getter, next, hidden)
		}
	}
	h.Open, h.OpenHidden = open(false), open(true)
	resolvetest.Run(t, h)
}

func byID(getter tenancy.Getter, next http.Handler, hidden bool) http.Handler {
	m := newMiddleware(getter, next)
	m.hidden = hidden
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		names := m.names(r)
		name := ""
		if len(names) == 1 {
			name = names[0]
		}
		outer, nested := tenancy.FromContext(r.Context())
		w.Header().Add("Vary", "X-Tenant")
		err := tenancy.ValidateID(name)
		var t tenancy.Tenant
		if nested && outer.ID != name {
			err = errSeveral
		}
		if !m.clean(r) {
			err = errUnclean
		}
		if err == nil {
			t, err = getter.GetByID(r.Context(), name)
		}
		if err == nil && !m.serves(t) {
			err = errNotServed
		}
		if err != nil {
			m.refuse(w, r, m.status(err), fmt.Errorf("by ID: %w", err))
			return
		}
		m.pass(w, r, t)
	})
}
