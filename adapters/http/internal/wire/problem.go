package wire

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// ProblemType is what the types of all problems begin with; the code follows.
const ProblemType = "urn:tenantstore:problem:"

// The codes of the problems that tenancyhttp does not have.
const (
	CodeUnauthenticated = "unauthenticated"
	CodeForbidden       = "forbidden"
	CodeAhead           = "position-ahead"
)

// What Problem.Applied says of a write that failed.
const (
	AppliedNo      = "no"      // it has changed nothing and will not
	AppliedUnknown = "unknown" // it may have happened, or happen yet
)

// Problem is [tenancyhttp.Problem] with what a client needs in order to have the error of
// the store again.
type Problem struct {
	tenancyhttp.Problem
	ID         string `json:"id,omitempty"`
	Identifier string `json:"identifier,omitempty"`
	Domain     string `json:"domain,omitempty"`
	Applied    string `json:"applied,omitempty"` // of writes
}

// NewProblem returns a problem that is no error of a store.
func NewProblem(status int, code, title string) tenancyhttp.Problem {
	return tenancyhttp.Problem{Type: ProblemType + code, Title: title, Status: status, Code: code}
}

// ProblemOf returns the problem that err is as the answer to r, which reads or writes.
func ProblemOf(r *http.Request, writes bool, err error) Problem {
	if !writes && r.Method != http.MethodGet {
		r = r.Clone(r.Context())
		r.Method = http.MethodGet // a read that is sent as a POST can be repeated, too
	}
	p := Problem{Problem: tenancyhttp.ProblemOf(r, err)}
	if e := (*tenancy.Error)(nil); errors.As(err, &e) {
		p.ID, p.Identifier, p.Domain = ifValid(e.ID, tenancy.ValidateID), ifValid(e.Identifier, tenancy.ValidateIdentifier), ifValid(e.Domain, tenancy.ValidateDomain)
	}
	if writes {
		p.Applied = AppliedNo
		if p.Status >= http.StatusInternalServerError && p.Status != http.StatusNotImplemented && !errors.Is(err, tenancy.ErrNotApplied) {
			p.Applied = AppliedUnknown
		}
	}
	return p
}

// ifValid repeats what a client has sent only if it is what it should be, and so is not long.
func ifValid(text string, validate func(string) error) string {
	if validate(text) != nil {
		return ""
	}
	return text
}

// reasons are the errors of a store by the code of their problems.
var reasons = map[string]error{
	"invalid":             tenancy.ErrInvalid,
	"tenant-not-found":    tenancy.ErrNotFound,
	"already-exists":      tenancy.ErrAlreadyExists,
	"conflict":            tenancy.ErrConflict,
	"precondition-failed": tenancy.ErrConflict,
	"log-compacted":       tenancy.ErrCompacted,
	"not-supported":       errors.ErrUnsupported,
}

// Err returns the error that p is in the client. What is no error of a store there, such as
// a token that is not accepted, is an outage here: it says nothing about a tenant.
func (p Problem) Err() error {
	reason, known := reasons[p.Code]
	switch {
	case !known:
		reason = fmt.Errorf("%w: the server answers %d %s", tenancy.ErrUnavailable, p.Status, p.Code)
		if p.Detail != "" || p.Title != "" {
			reason = fmt.Errorf("%w: %s", reason, strings.TrimSpace(p.Title+" "+p.Detail))
		}
		if p.Applied == AppliedNo {
			reason = notApplied{reason}
		}
	case p.Detail != "":
		reason = fmt.Errorf("%w: %s", reason, p.Detail)
	}
	return &tenancy.Error{ID: p.ID, Identifier: p.Identifier, Domain: p.Domain, Field: p.Field, Err: reason}
}

// NotApplied returns err as one of a write that has changed nothing.
func NotApplied(err error) error { return notApplied{err} }

// notApplied has the text of the error that it wraps.
type notApplied struct{ error }

func (e notApplied) Unwrap() []error { return []error{e.error, tenancy.ErrNotApplied} }

// Outage returns an error that wraps the context's if that has ended, else ErrUnavailable.
func Outage(ctx context.Context, format string, args ...any) error {
	reason := tenancy.ErrUnavailable
	if ctx.Err() != nil {
		reason = ctx.Err()
	}
	return fmt.Errorf("%w: %s", reason, fmt.Sprintf(format, args...))
}
