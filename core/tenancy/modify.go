package tenancy

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	modifyAttempts   = 64
	modifyMaxBackoff = 50 * time.Millisecond
)

// Modify reads the tenant past every cache, lets change edit it, and updates
// it; when somebody else wrote it meanwhile, it begins again with what they
// wrote. change may therefore run several times, and must not keep the pointer.
// If it changes nothing, nothing is written; if it returns an error, Modify
// returns that. ID, CreatedAt, UpdatedAt, Revision and Mark cannot be changed:
// what change does to them is ignored. After 64 attempts Modify gives up with
// ErrConflict.
func Modify(ctx context.Context, s Store, id string, change func(*Tenant) error) (Tenant, error) {
	reader := Fresh(s)
	for attempt := 1; ; attempt++ {
		old, err := reader.GetByID(ctx, id)
		if err != nil {
			return Tenant{}, err
		}
		edited := old
		if err := change(&edited); err != nil {
			return Tenant{}, err
		}
		edited.ID, edited.Revision, edited.Mark = old.ID, old.Revision, old.Mark
		edited.CreatedAt, edited.UpdatedAt = old.CreatedAt, old.UpdatedAt
		if edited == old {
			return old, nil
		}
		updated, err := s.Update(ctx, edited)
		if !errors.Is(err, ErrConflict) || attempt == modifyAttempts {
			return updated, err
		}
		backoff := min(time.Millisecond<<min(attempt, 16), modifyMaxBackoff)
		select {
		case <-ctx.Done():
			return Tenant{}, &Error{Op: "Modify", ID: id, Err: ctx.Err()}
		case <-time.After(rand.N(backoff)):
		}
	}
}
