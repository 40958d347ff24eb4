package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// newProblem returns an answer of this service's own, which a handler can return as
// an error. Those to the errors of the store are tenancyhttp's.
func newProblem(status int, code, title string) tenancyhttp.Problem {
	return tenancyhttp.Problem{Type: "urn:tenantstore:problem:" + code, Title: title, Status: status, Code: code}
}

// badField is how tenancyhttp answers to what is invalid.
func badField(field, detail string) tenancyhttp.Problem {
	p := newProblem(http.StatusBadRequest, "invalid", "The input breaks a rule.")
	p.Field, p.Detail = field, detail
	return p
}

var (
	errNoSuchEndpoint   = newProblem(http.StatusNotFound, "no-such-endpoint", "Nothing is served under this path.")
	errMethodNotAllowed = newProblem(http.StatusMethodNotAllowed, "method-not-allowed", "The Allow header names the methods of this path.")
)

// fail answers with the problem of err, and logs what is the service's fault: a
// client that has gone is not.
func (s *service) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := tenancyhttp.ProblemOf(r, err)
	left := errors.Is(err, context.Canceled) && errors.Is(r.Context().Err(), context.Canceled)
	closing := errors.Is(err, tenancy.ErrClosed) // a request came in too late
	if p.Status >= http.StatusInternalServerError && !left && !closing {
		s.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "err", err)
	}
	p.ServeHTTP(w, r)
}

// write answers with v as JSON. That it cannot be delivered concerns nobody but
// the client, which has gone.
func (s *service) write(w http.ResponseWriter, r *http.Request, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // impossible for the types of this program
		s.log.ErrorContext(r.Context(), "answer is no JSON", "err", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
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
