package tenancyhttp

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Error answers r with the problem that err is, as [http.Error] does with a text. err
// comes from a store, or is a [Problem] of the handler's own. Nobody but the caller
// logs what is the service's fault: see [ProblemOf]. Nothing may have been written
// before it.
func Error(w http.ResponseWriter, r *http.Request, err error) {
	ProblemOf(r, err).ServeHTTP(w, r)
}

// ProblemOf returns the problem by which [Error] answers:
//
//	err wraps                              status
//	a Problem                              its own
//	ErrInvalid                             400, with the field and what is wrong with it
//	ErrUnavailable, ErrClosed, or the      503, with Retry-After if r only reads, or if
//	error of a context                     err wraps ErrNotApplied: it can be repeated
//	ErrNotFound                            404
//	ErrAlreadyExists                       409, with the field
//	ErrConflict                            412 if r has If-Match, else 409
//	ErrCompacted                           410
//	errors.ErrUnsupported                  501
//	ErrWithheld, or anything else          500
//
// A problem tells nothing of what failed inside. Of the texts of errors it repeats
// those of ErrInvalid with a field, which are meant for whoever has sent that field;
// what a store's WithMetadataCheck refuses is one of them.
//
// A client that has gone gets an answer, too: a handler that writes nothing has
// answered 200.
func ProblemOf(r *http.Request, err error) Problem {
	var p Problem
	if errors.As(err, &p) {
		return p
	}
	p = newProblem(http.StatusInternalServerError, "internal", "Something failed inside the service.")
	for _, of := range problems {
		if errors.Is(err, of.reason) {
			p = newProblem(of.status, of.code, of.title)
			break
		}
	}
	switch p.Code {
	case "invalid":
		p.Field, p.Detail = wrongInput(err)
	case "already-exists":
		p.Field, _ = wrongInput(err)
	case "conflict":
		if len(r.Header.Values("If-Match")) > 0 {
			p = newProblem(http.StatusPreconditionFailed, "precondition-failed", p.Title)
		}
	case "unavailable":
		switch {
		case r.Method == http.MethodGet, r.Method == http.MethodHead:
			p.Detail, p.RetryAfter = "Try again.", resolve.RetryAfter(DefaultRetryAfter, err)
		case errors.Is(err, tenancy.ErrNotApplied):
			p.Detail, p.RetryAfter = "The write has not happened. Try again.", resolve.RetryAfter(DefaultRetryAfter, err)
		default:
			p.Detail = "The write may or may not have happened."
		}
	}
	return p
}

// problems are in the order of precedence: an error may wrap several reasons.
var problems = [...]struct {
	reason error
	status int
	code   string
	title  string
}{
	{tenancy.ErrInvalid, http.StatusBadRequest, "invalid", "The input breaks a rule."},
	{tenancy.ErrUnavailable, http.StatusServiceUnavailable, "unavailable", unavailable},
	{tenancy.ErrNotApplied, http.StatusServiceUnavailable, "unavailable", unavailable},
	{tenancy.ErrClosed, http.StatusServiceUnavailable, "unavailable", unavailable},
	{context.Canceled, http.StatusServiceUnavailable, "unavailable", unavailable},
	{context.DeadlineExceeded, http.StatusServiceUnavailable, "unavailable", unavailable},
	{tenancy.ErrNotFound, http.StatusNotFound, "tenant-not-found", "There is no such tenant."},
	{tenancy.ErrAlreadyExists, http.StatusConflict, "already-exists", "Another tenant has this already."},
	{tenancy.ErrConflict, http.StatusConflict, "conflict", "The tenant was changed in the meantime."},
	{tenancy.ErrCompacted, http.StatusGone, "log-compacted", "The change log does not go on from this position."},
	{errors.ErrUnsupported, http.StatusNotImplemented, "not-supported", "This service cannot do that."},
	{tenancy.ErrWithheld, http.StatusInternalServerError, "internal", "Something failed inside the service."},
}

const unavailable = "The service cannot answer now."

// wrongInput returns the field that err names, and what is wrong with it. That is the
// text of the innermost error of package tenancy: what others have wrapped around it,
// and what names no field, is not meant for the client.
func wrongInput(err error) (field, detail string) {
	hidden := errors.Is(err, tenancy.ErrWithheld) // its text says why a key does not fit, for example
	for e := (*tenancy.Error)(nil); errors.As(err, &e) && e.Err != nil; err = e.Err {
		if e.Field == "" {
			continue
		}
		if field == "" {
			field = e.Field
		}
		detail = strings.TrimPrefix(e.Err.Error(), tenancy.ErrInvalid.Error()+": ")
	}
	if hidden {
		detail = "What is stored cannot be read: set a new value."
	}
	return field, detail
}
