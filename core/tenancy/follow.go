package tenancy

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/go-tenancy/tenantstore/core/internal/logread"
)

// ChangeHandler is what [Follow] calls, one call at a time. A function that is nil is
// not called. One that may hang needs a deadline of its own.
//
// Sync and Change may be called again for what they have dealt with: they must be
// idempotent. If one fails with ErrUnavailable or [context.DeadlineExceeded], it is
// called again, after about a second, and so on until it does not. ErrCompacted means
// that the database was restored meanwhile: Sync is called. Any other error ends
// Follow.
type ChangeHandler struct {
	// Sync is called first, and again whenever changes were lost (ErrCompacted) or
	// every tenant may have changed (ChangeReset). It takes what it needs from the source,
	// which is as of at or later: with [All] every tenant, or those that it knows. What
	// it knows and does not find is gone. Changes after at follow.
	Sync func(ctx context.Context, at Position) error
	// Change is called for each change, in commit order. It loads the tenants of
	// c.TenantIDs from the source, and finds them as of c or later; or c alone is
	// enough.
	Change func(ctx context.Context, c Change) error
	// Contact is called with nil each time that everything up to the end of the log
	// was dealt with, at least once in each poll interval of the source; and with the
	// reason when the log cannot be read, or a call failed and is to be repeated.
	Contact func(err error)
}

// Follow keeps h up with the change log of source, from its end on, until ctx ends,
// the source is closed or h fails; it returns why. It goes on through outages, and
// begins again with Sync where the log does not go on. It starts no goroutine. Give it
// the outermost store that h reads: a tier then never answers with less than what h
// was told.
func Follow(ctx context.Context, source Log, h ChangeHandler) error {
	f := follower{source: source, handler: h}
	for {
		err := f.run(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !isOutage(err) && !errors.Is(err, ErrCompacted) {
			return err
		}
		f.contact(err)
		pause(ctx)
	}
}

type follower struct {
	source  Log
	handler ChangeHandler
	limit   logread.Limit
}

// run follows the log until that cannot go on.
func (f *follower) run(ctx context.Context) error {
	var head Bounds
	err := f.limit.Read(ctx, ErrUnavailable, func(ctx context.Context) (err error) {
		head, err = f.source.Bounds(ctx)
		return err
	})
	if err != nil {
		if known := (*Error)(nil); ctx.Err() == nil && !errors.As(err, &known) && !errors.Is(err, ErrUnavailable) {
			err = fmt.Errorf("%w: %w", ErrUnavailable, err) // of a source that is not by the contract
		}
		return named("Follow", Key{}, err)
	}
	if err := f.sync(ctx, head.Newest); err != nil {
		return err
	}
	for c, err := range f.source.Watch(WithProgressNotify(ctx), head.Newest) {
		switch {
		case errors.Is(err, ErrUnavailable):
			f.contact(err)
		case err != nil:
			return err
		case c.Kind == ChangeProgress:
			f.contact(nil)
		default:
			if err := f.change(ctx, c); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("%w: the watch has ended without an error", ErrUnavailable)
}

func (f *follower) sync(ctx context.Context, at Position) error {
	if f.handler.Sync == nil {
		return nil
	}
	return f.handler.Sync(ctx, at)
}

// change has the handler deal with c, however often that takes.
func (f *follower) change(ctx context.Context, c Change) error {
	for {
		var err error
		if c.Kind == ChangeReset {
			err = f.sync(ctx, c.Position)
		} else if f.handler.Change != nil {
			err = f.handler.Change(ctx, c)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !isOutage(err) {
			return err
		}
		f.contact(err)
		pause(ctx)
	}
}

func (f *follower) contact(err error) {
	if f.handler.Contact != nil {
		f.handler.Contact(err)
	}
}

func isOutage(err error) bool {
	return (errors.Is(err, ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)) && !errors.Is(err, ErrClosed)
}

// pause waits for about a second, or until ctx ends.
func pause(ctx context.Context) {
	timer := time.NewTimer(time.Second/2 + rand.N(time.Second))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
