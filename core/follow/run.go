package follow

import (
	"context"
	"errors"

	"github.com/go-tenancy/tenantstore/core/internal/logread"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Handler has the functions that [Run] calls, one call at a time. Any of them may be nil. A
// function that may hang must set a deadline.
//
// Sync and Change may be called more than once for the same change: they must be
// idempotent. If one fails with ErrUnavailable or [context.DeadlineExceeded], Run calls it
// again after about a second, until it succeeds. If one fails with ErrCompacted, the
// database has been restored: Run calls Sync. Any other error ends Run.
type Handler struct {
	// Sync is called first, and again whenever changes were lost (ErrCompacted) or every
	// tenant may have changed (ChangeReset). It reads what it needs from the source, which
	// is as of at or later: every tenant, with [tenancy.All], or the tenants that it holds.
	// A tenant that it holds and does not find is gone. Calls of Change for later changes
	// follow.
	Sync func(ctx context.Context, at tenancy.Position) error
	// Change is called for each change, in commit order. If it needs the tenants, it loads
	// c.TenantIDs from the source, and finds them as of c or later.
	Change func(ctx context.Context, c tenancy.Change) error
	// Contact is called with nil each time all changes up to the end of the log have been
	// handled, at least once per poll interval of the source. It is called with the error
	// when the log cannot be read, or when a call failed and will be repeated.
	Contact func(err error)
}

// Run calls h for the changes in the log of source, from its end, until ctx ends, the
// source is closed or h fails; it returns the reason. It continues through outages, and
// calls Sync again if the log does not continue. It starts no goroutine. Pass the outermost
// store that h reads: a stack of caches then never answers h with an older state than h was
// told of. Over such a stack, Run makes no reads of its own to poll the log: the stack's
// Reader wakes it.
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

// next passes the next page of the log to the handler, and waits for more at the end.
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

// atEnd reports contact, and waits for more.
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

// change passes c to the handler, and repeats that during an outage.
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
