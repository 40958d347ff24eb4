package driver

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// ErrorIn returns err as an [*tenancy.Error] of operation op on key (its zero value for
// none). If err is already an *Error, what it lacks is filled in; if it wraps
// one, the new one takes over what that says about the tenant. An err that wraps
// none of the reasons that Error.Err documents is taken for an outage and made
// to wrap ErrUnavailable. ErrorIn(…, nil) is nil. It is for authors of stores.
func ErrorIn(op string, key tenancy.Key, err error) error {
	if err == nil {
		return nil
	}
	var out tenancy.Error
	var inner *tenancy.Error
	if e, ok := err.(*tenancy.Error); ok { //nolint:errorlint // only the outermost one is completed
		out = *e
	} else if out.Err = err; errors.As(err, &inner) {
		out.ID, out.Identifier, out.Domain, out.Field = inner.ID, inner.Identifier, inner.Domain, inner.Field
	}
	switch {
	case out.Err == nil:
		out.Err = fmt.Errorf("%w: unknown error", tenancy.ErrUnavailable)
	case !hasReason(out.Err):
		out.Err = fmt.Errorf("%w: %w", tenancy.ErrUnavailable, out.Err)
	}
	if out.Op == "" {
		out.Op = op
	}
	switch key.Kind {
	case tenancy.KindID:
		out.ID = cmp.Or(out.ID, key.Value)
	case tenancy.KindIdentifier, tenancy.KindFormer:
		out.Identifier = cmp.Or(out.Identifier, key.Value)
	case tenancy.KindDomain:
		out.Domain = cmp.Or(out.Domain, key.Value)
	}
	return &out
}

func hasReason(err error) bool {
	for _, reason := range []error{
		tenancy.ErrNotFound, tenancy.ErrAlreadyExists, tenancy.ErrConflict, tenancy.ErrInvalid, tenancy.ErrUnavailable, tenancy.ErrCompacted, tenancy.ErrClosed, tenancy.ErrWithheld,
		context.Canceled, context.DeadlineExceeded, errors.ErrUnsupported,
	} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}

func invalid(field, format string, args ...any) error {
	return &tenancy.Error{Field: field, Err: fmt.Errorf("%w: %s", tenancy.ErrInvalid, fmt.Sprintf(format, args...))}
}
