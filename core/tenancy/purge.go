package tenancy

import (
	"context"
	"errors"
)

// Purger is a Store with soft deletion.
type Purger interface {
	// Purge removes the tenant whatever its status, and frees its identifier.
	// Errors: ErrInvalid, ErrNotFound.
	Purge(ctx context.Context, id string) error
}

// Purge removes the tenant from s for good. It fails with
// [errors.ErrUnsupported] if s cannot.
func Purge(ctx context.Context, s Store, id string) error {
	p, ok := s.(Purger)
	if !ok {
		return &Error{Op: "Purge", ID: id, Err: errors.ErrUnsupported}
	}
	return p.Purge(ctx, id)
}
