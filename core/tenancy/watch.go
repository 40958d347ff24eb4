package tenancy

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/go-tenancy/tenantstore/core/internal/logread"
)

// Watch yields the changes after the position, then new ones as they are committed, until
// the caller breaks off, ctx ends or something fails: the error is the last thing that it
// yields. It is ErrUnavailable if the log cannot be read, or has not answered for a
// second; who goes on then watches again, from the last change. ErrCompacted is as in
// Changes. It starts no goroutine. Whoever must also know that nothing has changed, and
// go on through outages, has a loop of Changes and Wait in follow.Run.
func Watch(ctx context.Context, source Log, after Position) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		var limit logread.Limit
		var waiter logread.Waiter
		after := after // so that the sequence can be ranged over again
		for {
			var batch []Change
			err := limit.Read(ctx, ErrUnavailable, func(ctx context.Context) (err error) {
				batch, err = source.Changes(ctx, after, DefaultChangesLimit)
				return err
			})
			for _, c := range batch {
				after = c.Position
				if !yield(c, nil) {
					return
				}
			}
			if err == nil && len(batch) < DefaultChangesLimit { // fewer were all there were
				err = waiter.Wait(ctx, len(batch) > 0, func(ctx context.Context) error { return source.Wait(ctx, after) })
			}
			if err != nil {
				yield(Change{}, named("Watch", Key{}, reasoned(err)))
				return
			}
		}
	}
}

// reasoned makes an error of a source that is not by the contract, and gives no reason,
// an outage.
func reasoned(err error) error {
	for _, reason := range []error{ErrUnavailable, ErrCompacted, ErrClosed, errors.ErrUnsupported, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, reason) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
