package resolvetest

import (
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// tenant stores an active tenant and returns it.
func (p *probe) tenant(identifier string) tenancy.Tenant {
	return p.tenantIn(identifier, tenancy.StatusActive)
}

func (p *probe) tenantIn(identifier string, status tenancy.Status) tenancy.Tenant {
	t := tenancy.Tenant{ID: tenancy.NewID(), Identifier: identifier, Name: "Tenant " + identifier, Status: status, Revision: 1}
	p.store.put(t)
	return t
}

// name is what requests call t.
func (p *probe) name(t tenancy.Tenant) string {
	if p.h.ByID {
		return t.ID
	}
	return t.Identifier
}

// unknown is the name of a tenant that does not exist.
func (p *probe) unknown() string {
	return p.name(tenancy.Tenant{ID: tenancy.NewID(), Identifier: "nobody-has-this"})
}

func (p *probe) request(name string) *http.Request {
	p.Helper()
	r := p.h.Request(p.TB, name)
	if r == nil {
		p.Fatalf("Harness.Request has no request for %q, which a tenant can have", name)
	}
	return r
}

// answer is what came of a request.
type answer struct {
	status int
	header http.Header
	body   string

	served bool           // the handler was reached
	tenant tenancy.Tenant // that it found in the context
	has    bool
}

// handler returns the middleware in front of a handler that notes what it sees
// in the recorder that it writes to.
func (p *probe) handler(hidden bool) http.Handler {
	open := p.h.Open
	if hidden {
		open = p.h.OpenHidden
	}
	return open(p.TB, p.store, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rec, ok := unwrap(w).(*recorder); ok {
			rec.note(r)
		} else {
			p.Errorf("the handler was reached with a ResponseWriter of type %T, which has no method Unwrap: see http.ResponseController", w)
		}
		w.WriteHeader(http.StatusOK)
	}))
}

// recorder is the ResponseWriter of one request.
type recorder struct {
	*httptest.ResponseRecorder
	answer
}

func (rec *recorder) note(r *http.Request) {
	rec.served = true
	rec.tenant, rec.has = tenancy.FromContext(r.Context())
}

func unwrap(w http.ResponseWriter) http.ResponseWriter {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = u.Unwrap()
	}
}

// send sends r to h.
func send(h http.Handler, r *http.Request) answer {
	rec := &recorder{ResponseRecorder: httptest.NewRecorder()}
	h.ServeHTTP(rec, r)
	result := rec.Result()
	rec.status, rec.header, rec.body = result.StatusCode, result.Header, rec.Body.String()
	return rec.answer
}

// wantServed expects that r is passed on with tenant t.
func (p *probe) wantServed(h http.Handler, r *http.Request, t tenancy.Tenant) answer {
	p.Helper()
	a := send(h, r)
	switch {
	case !a.served:
		p.Errorf("a request for an active tenant was not passed on but answered %d: %s", a.status, a.body)
	case !a.has:
		p.Errorf("tenancy.FromContext finds no tenant in the handler")
	case a.tenant != t:
		p.Errorf("the handler got tenant %s, want %s as the store has it", a.tenant.Identifier, t.Identifier)
	}
	return a
}

// wantRefused expects that r is not passed on, and answered with a status of the
// class: 4 for 4xx.
func (p *probe) wantRefused(h http.Handler, r *http.Request, class int, what string) answer {
	p.Helper()
	a := send(h, r)
	if a.served {
		p.Errorf("%s was passed on, as tenant %q", what, a.tenant.Identifier)
	} else if a.status/100 != class {
		p.Errorf("%s was answered %d, want %dxx", what, a.status, class)
	}
	return a
}

// everything is all that a client can see of an answer.
func (a answer) everything() string {
	var b strings.Builder
	_ = a.header.Write(&b) // sorted
	return http.StatusText(a.status) + "\n" + b.String() + "\n" + a.body
}
