package follow

import (
	"context"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// A Reader is the log of a store that reads through the follower. It shows only what the
// follower has obeyed, so that code which acts on a change does not read an older state.
var _ tenancy.Log = (*Reader)(nil)

// Bounds implements [tenancy.Log].
func (r *Reader) Bounds(ctx context.Context) (tenancy.Bounds, error) {
	at := r.Position()
	bounds, err := r.log.Bounds(ctx)
	if err == nil && bounds.Newest.Revision < at.Revision { // the log went back
		err = r.Follow(ctx)
	}
	if err == nil {
		err = r.obeyed(ctx, bounds.Newest)
	}
	return bounds, err
}

// Changes implements [tenancy.Log].
func (r *Reader) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	changes, err := r.log.Changes(ctx, after, limit)
	if err != nil || len(changes) == 0 {
		return changes, err
	}
	return changes, r.obeyed(ctx, changes[len(changes)-1].Position)
}

// Wait implements [tenancy.Log]. A bus wakes it too.
func (r *Reader) Wait(ctx context.Context, after tenancy.Position) error {
	grown := r.Growth()
	if r.Position().Revision > after.Revision {
		return ctx.Err()
	}
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-waiting.Done():
		case <-grown:
			cancel()
		}
	}()
	err := r.log.Wait(waiting, after)
	if waiting.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Await waits until the follower has obeyed the log up to p, which may come from another
// process. ErrCompacted says that p is in a history that the database has lost, or is too
// old to be judged.
func (r *Reader) Await(ctx context.Context, p tenancy.Position) error {
	if p.IsZero() {
		return nil
	}
	if err := r.obeyed(ctx, p); err != nil || r.Check(p) != Unknown {
		return err
	}
	_, err := r.log.Changes(ctx, p, 1)
	return err
}

// obeyed waits until everything up to p is shown, or nothing is served. ErrCompacted says
// that the log has another history.
func (r *Reader) obeyed(ctx context.Context, p tenancy.Position) error {
	v, err := r.Accept(ctx, p)
	if err == nil && v == Denied {
		err = tenancy.ErrCompacted
	}
	if err == nil {
		err = r.Settle(ctx)
	}
	return err
}
