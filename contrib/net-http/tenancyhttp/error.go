package tenancyhttp

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Error answers r with the problem that err is, as [http.Error] does with a text. err
// comes from a store, or is a [Problem] of the handler's own. What is the service's
// fault, a status of 500 or more, is for the caller to log: the client is told nothing
// of it. The caller writes nothing before or after it.
func Error(w http.ResponseWriter, r *http.Request, err error) {
	ProblemOf(r, err).ServeHTTP(w, r)
}

// ProblemOf returns the problem with which [Error] answers:
//
//	err                                       status
//	a Problem                                 its own
//	ErrInvalid                                400, with the field and what is wrong with it
//	ErrUnavailable, ErrClosed, and where the  503; with Retry-After where r can be
//	context has ended                         repeated without danger, also by ErrNotApplied
//	ErrNotFound                               404
//	ErrAlreadyExists                          409, with the field
//	ErrConflict                               412 if r has If-Match, else 409
//	ErrCompacted                              410
//	errors.ErrUnsupported                     501
//	ErrWithheld, and any other                500
//
// No problem has the text of an error in it but that of ErrInvalid with a field,
// which is written for people outside. A [tenancy.MetadataCheck] writes such texts.
func ProblemOf(r *http.Request, err error) Problem {
	var own Problem
	if errors.As(err, &own) {
		return own
	}
	for _, a := range storeAnswers {
		if !errors.Is(err, a.reason) {
			continue
		}
		p := newProblem(a.status, a.code, a.title)
		switch {
		case a.reason == tenancy.ErrInvalid: //nolint:errorlint // the row, not the error
			p.Field, p.Detail = wrongInput(err)
		case a.reason == tenancy.ErrAlreadyExists: //nolint:errorlint // the row, not the error
			p.Field, _ = wrongInput(err)
		case p.Status == http.StatusServiceUnavailable:
			p.Detail, p.RetryAfter = afterOutage(r, err)
		case p.Status == http.StatusConflict && len(r.Header.Values("If-Match")) > 0:
			p = newProblem(http.StatusPreconditionFailed, "precondition-failed", "The tenant was changed in the meantime.")
		}
		return p
	}
	return newProblem(http.StatusInternalServerError, "internal", "Something failed inside the service.")
}
