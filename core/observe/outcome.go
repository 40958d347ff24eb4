package observe

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Outcome is how an operation ended.
type Outcome uint8

// The outcomes.
const (
	OK          Outcome = iota
	NotFound            // ErrNotFound
	Conflict            // somebody else was first: ErrConflict, ErrAlreadyExists, ErrCompacted
	Invalid             // ErrInvalid
	Canceled            // the caller went away
	Timeout             // a deadline was over
	Unavailable         // ErrUnavailable, ErrClosed
	Failed              // anything else
	outcomes
)

var outcomeNames = [outcomes]string{
	"ok", "not_found", "conflict", "invalid", "canceled", "timeout", "unavailable", "error",
}

// Outcomes returns all of them.
func Outcomes() []Outcome {
	all := make([]Outcome, outcomes)
	for i := range all {
		all[i] = Outcome(i)
	}
	return all
}

// String returns the name in snake case: "not_found".
func (o Outcome) String() string {
	if o < outcomes {
		return outcomeNames[o]
	}
	return fmt.Sprintf("outcome_%d", uint8(o))
}

// IsFailure reports whether the store is to blame: Timeout, Unavailable, Failed.
// The other outcomes are answers, or the caller's own doing.
func (o Outcome) IsFailure() bool { return o >= Timeout }

// OutcomeOf returns the outcome of an operation that returned err.
func OutcomeOf(err error) Outcome {
	if err == nil {
		return OK
	}
	for _, reason := range reasons {
		if errors.Is(err, reason.err) {
			return reason.outcome
		}
	}
	return Failed
}

// reasons are in the order of precedence: an error may wrap several.
var reasons = []struct {
	err     error
	outcome Outcome
}{
	{tenancy.ErrNotFound, NotFound},
	{tenancy.ErrConflict, Conflict},
	{tenancy.ErrAlreadyExists, Conflict},
	{tenancy.ErrCompacted, Conflict},
	{tenancy.ErrInvalid, Invalid},
	{tenancy.ErrClosed, Unavailable}, // of a call whose context Close has ended, too
	{context.Canceled, Canceled},
	{context.DeadlineExceeded, Timeout},
	{tenancy.ErrUnavailable, Unavailable},
}
