package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// problem is an error answer (RFC 9457, application/problem+json). Of what the
// client sent it repeats a short name or value at most, and it never tells what
// failed inside: that is logged.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code"`             // for programs; the end of Type
	Detail string `json:"detail,omitempty"` // for people
	Field  string `json:"field,omitempty"`  // the offending member or parameter
}

// Error makes a problem an error that a handler can return.
func (p *problem) Error() string { return p.Title + ": " + p.Detail }

func newProblem(status int, code, detail string) *problem {
	return &problem{
		Type: "urn:tenantstore:problem:" + code, Title: http.StatusText(status),
		Status: status, Code: code, Detail: detail,
	}
}

func badField(field, detail string) *problem {
	p := newProblem(http.StatusBadRequest, "invalid", detail)
	p.Field = field
	return p
}

var (
	errNoSuchEndpoint   = newProblem(http.StatusNotFound, "no-such-endpoint", "Nothing is served under this path.")
	errMethodNotAllowed = newProblem(http.StatusMethodNotAllowed, "method-not-allowed", "The Allow header names the methods of this path.")
)

// problemOf tells how the error of a store, or of a handler, is answered to r.
func problemOf(r *http.Request, err error) *problem {
	var p *problem
	var e *tenancy.Error
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, tenancy.ErrNotFound):
		return newProblem(http.StatusNotFound, "tenant-not-found", "There is no such tenant.")
	case errors.Is(err, tenancy.ErrConflict):
		return newProblem(http.StatusConflict, "conflict", "The tenant was changed in the meantime. Get it again, and repeat the edit.")
	case errors.Is(err, tenancy.ErrAlreadyExists):
		p = newProblem(http.StatusConflict, "already-exists", "Another tenant has this already.")
		if errors.As(err, &e) {
			p.Field = e.Field
		}
		return p
	case errors.Is(err, tenancy.ErrInvalid):
		p = badField("", "The input breaks a rule.")
		if errors.As(err, &e) && e.Err != nil {
			p.Field, p.Detail = e.Field, e.Err.Error()
		}
		return p
	case errors.Is(err, tenancy.ErrUnavailable), errors.Is(err, tenancy.ErrClosed),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return newProblem(http.StatusServiceUnavailable, "unavailable", "The store does not answer now. "+afterOutage(r, err))
	}
	return newProblem(http.StatusInternalServerError, "internal", "Something failed inside the service.")
}

// afterOutage tells the client of r what it has to reckon with.
func afterOutage(r *http.Request, err error) string {
	switch {
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
		return "Try again."
	case errors.Is(err, tenancy.ErrNotApplied):
		return "The write has not happened. Try again."
	}
	return "The write may or may not have happened."
}

// fail answers with the problem of err, and logs what is the service's fault: a
// client that has gone is not.
func (s *service) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(r, err)
	left := errors.Is(err, context.Canceled) && errors.Is(r.Context().Err(), context.Canceled)
	closing := errors.Is(err, tenancy.ErrClosed) // a request came in too late
	if p.Status >= http.StatusInternalServerError && !left && !closing {
		s.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "err", err)
	}
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "2")
	}
	s.write(w, r, p.Status, "application/problem+json", p)
}

// write answers with v as JSON. That it cannot be delivered concerns nobody but
// the client, which has gone.
func (s *service) write(w http.ResponseWriter, r *http.Request, status int, contentType string, v any) {
	body, err := json.Marshal(v)
	if err != nil { // impossible for the types of this program
		s.log.ErrorContext(r.Context(), "answer is no JSON", "err", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	if _, err := w.Write(append(body, '\n')); err != nil {
		s.log.DebugContext(r.Context(), "answer not delivered", "err", err)
	}
}

// endpoint is a handler that returns its failure instead of answering it. It
// must do so before it writes anything.
type endpoint func(w http.ResponseWriter, r *http.Request) error

func (s *service) endpoint(e endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := e(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}
