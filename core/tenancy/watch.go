package tenancy

import (
	"context"
	"errors"
	"iter"
)

// WatchLog is Watch on top of Changes, for authors of sources: it yields what
// changes returns, and calls wait when there is nothing left or the log cannot
// be read. wait returns when there may be more, at the latest after the store's
// poll interval, or with the error that ends the watch: ErrClosed or the
// context's. WatchLog starts no goroutine.
func WatchLog(
	ctx context.Context, after Position,
	changes func(ctx context.Context, after Position, limit int) ([]Change, error),
	wait func(ctx context.Context) error,
) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		for {
			batch, err := changes(ctx, after, DefaultChangesLimit)
			if ctx.Err() != nil {
				err = ctx.Err() // a driver may make an outage of it, a store in memory not look at it
			}
			if err != nil {
				err = ErrorIn("Watch", Key{}, err)
				if !yield(Change{}, err) || !errors.Is(err, ErrUnavailable) {
					return
				}
			}
			for _, c := range batch {
				after = c.Position
				if !yield(c, nil) {
					return
				}
			}
			if len(batch) >= DefaultChangesLimit { // fewer were all there were
				continue
			}
			if err := wait(ctx); err != nil {
				yield(Change{}, ErrorIn("Watch", Key{}, err))
				return
			}
		}
	}
}
