package follow

import (
	"context"
	"errors"

	"github.com/go-tenancy/tenantstore/core/internal/logread"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Handler is what [Run] calls, one call at a time. A function that is nil is
// not called. One that may hang needs a deadline of its own.
//
// Sync and Change may be called again for what they have dealt with: they must be
// idempotent. If one fails with ErrUnavailable or [context.DeadlineExceeded], it is
// called again, after about a second, and so on until it does not. ErrCompacted means
// that the database was restored meanwhile: Sync is called. Any other error ends
// Run.
type Handler struct {
	// Sync is called first, and again whenever changes were lost (ErrCompacted) or
	// every tenant may have changed (ChangeReset). It takes what it needs from the source,
	// which is as of at or later: with [tenancy.All] every tenant, or those that it knows. What
	// it knows and does not find is gone. Changes after at follow.
	Sync func(ctx context.Context, at tenancy.Position) error
	// Change is called for each change, in commit order. It loads the tenants of
	// c.TenantIDs from the source, and finds them as of c or later; or c alone is
	// enough.
	Change func(ctx context.Context, c tenancy.Change) error
	// Contact is called with nil each time that everything up to the end of the log
	// was dealt with, at least once in each poll interval of the source; and with the
	// reason when the log cannot be read, or a call failed and is to be repeated.
	Contact func(err error)
}

// Run keeps h up with the change log of source, from its end on, until ctx ends,
// the source is closed or h fails; it returns why. It goes on through outages, and
// begins again with Sync where the log does not go on. It starts no goroutine. Give it
// the outermost store that h reads: a tier then never answers with less than what h
// was told. Through a stack of caches it does not poll the log besides: it hears of
// what the stack's Reader finds.
func Run(ctx context.Context, source tenancy.Log, h Handler) error {
	r := runner{source: source, reader: readerOf(source), handler: h}
	for {
		err := r.run(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !isOutage(err) && !errors.Is(err, tenancy.ErrCompacted) {
			return err
		}
		r.contact(err)
		logread.Pause(ctx)
	}
}

type runner struct {
	source  tenancy.Log
	reader  *Reader // of the stack that source is, or nil
	reads   uint64  // of it, when the last wait began
	handler Handler
	limit   logread.Limit
	waiter  logread.Waiter
}

// run follows the log until that cannot go on.
func (r *runner) run(ctx context.Context) error {
	if r.reader != nil {
		r.reads = r.reader.Reads()
	}
	var head tenancy.Bounds
	err := r.limit.Read(ctx, tenancy.ErrUnavailable, func(ctx context.Context) (err error) {
		head, err = r.source.Bounds(ctx)
		return err
	})
	if err != nil {
		return driver.ErrorIn("Follow", tenancy.Key{}, err)
	}
	if err := r.sync(ctx, head.Newest); err != nil {
		return err
	}
	for after, failed := head.Newest, 0; ; {
		err := r.next(ctx, &after)
		if !isOutage(err) || ctx.Err() != nil {
			if err != nil {
				return err
			}
			failed = 0
			continue
		}
		failed++
		r.contact(err)
		logread.PauseAfter(ctx, failed)
	}
}

// next has the handler deal with the next page of the log, and waits for more at its end.
func (r *runner) next(ctx context.Context, after *tenancy.Position) error {
	if r.reader != nil && r.reader.Position() == *after { // the stack looks for both
		err := r.limit.Read(ctx, tenancy.ErrUnavailable, func(ctx context.Context) error { return r.reader.ReadAfter(ctx, r.reads) })
		if err != nil {
			return driver.ErrorIn("Follow", tenancy.Key{}, err)
		}
		if r.reader.Position() == *after {
			return r.atEnd(ctx, *after, false)
		}
	}
	var page []tenancy.Change
	err := r.limit.Read(ctx, tenancy.ErrUnavailable, func(ctx context.Context) (err error) {
		page, err = r.source.Changes(ctx, *after, tenancy.DefaultChangesLimit)
		return err
	})
	if err != nil {
		return driver.ErrorIn("Follow", tenancy.Key{}, err)
	}
	for _, c := range page {
		if err := r.change(ctx, c); err != nil {
			return err
		}
		*after = c.Position
	}
	if len(page) >= tenancy.DefaultChangesLimit { // fewer are all there are
		return nil
	}
	return r.atEnd(ctx, *after, len(page) > 0)
}

// atEnd says that all was dealt with, and waits for more.
func (r *runner) atEnd(ctx context.Context, after tenancy.Position, brought bool) error {
	r.contact(nil)
	if r.reader != nil {
		r.reads = r.reader.Reads()
	}
	return r.waiter.Wait(ctx, brought, func(ctx context.Context) error { return r.source.Wait(ctx, after) })
}

// readerOf returns the Reader of the outermost stack of caches that a store leads to by
// its methods Reader and Below, or nil.
func readerOf(source any) *Reader {
	for {
		if stack, ok := source.(interface{ Reader() *Reader }); ok {
			return stack.Reader()
		}
		decorator, ok := source.(interface{ Below() tenancy.Store })
		if !ok {
			return nil
		}
		source = decorator.Below()
	}
}

func (r *runner) sync(ctx context.Context, at tenancy.Position) error {
	if r.handler.Sync == nil {
		return nil
	}
	return r.handler.Sync(ctx, at)
}

// change has the handler deal with c, however often that takes.
func (r *runner) change(ctx context.Context, c tenancy.Change) error {
	for {
		var err error
		if c.Kind == tenancy.ChangeReset {
			err = r.sync(ctx, c.Position)
		} else if r.handler.Change != nil {
			err = r.handler.Change(ctx, c)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !isOutage(err) {
			return err
		}
		r.contact(err)
		logread.Pause(ctx)
	}
}

func (r *runner) contact(err error) {
	if r.handler.Contact != nil {
		r.handler.Contact(err)
	}
}

func isOutage(err error) bool {
	return (errors.Is(err, tenancy.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)) && !errors.Is(err, tenancy.ErrClosed)
}
