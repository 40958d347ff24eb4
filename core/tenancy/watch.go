package tenancy

import (
	"context"
	"errors"
	"iter"

	"github.com/go-tenancy/tenantstore/core/internal/logread"
)

// WithProgressNotify returns a copy of ctx with which Watch also yields an
// OpProgress each time it has read the log to its end: at least once in each poll
// interval. All changes up to its Position have been yielded; it has no keys. So
// "nothing has changed" can be told from "nothing can be seen".
func WithProgressNotify(ctx context.Context) context.Context {
	return logread.WithProgressNotify(ctx)
}

// WatchLog is Watch on top of Changes, for authors of sources: it yields what
// changes returns, and calls wait when there is nothing left or the log cannot
// be read. wait returns when there may be more, at the latest after the store's
// poll interval, or with the error that ends the watch: ErrClosed or the
// context's. A call of changes gets a deadline of a second, and of more where that
// was not enough. WatchLog starts no goroutine.
func WatchLog(
	ctx context.Context, after Position,
	changes func(ctx context.Context, after Position, limit int) ([]Change, error),
	wait func(ctx context.Context) error,
) iter.Seq2[Change, error] {
	notify := logread.ProgressNotify(ctx)
	return func(yield func(Change, error) bool) {
		var limit logread.Limit
		after := after // so that the sequence can be ranged over again
		for {
			var batch []Change
			err := limit.Read(ctx, ErrUnavailable, func(ctx context.Context) (err error) {
				batch, err = changes(ctx, after, DefaultChangesLimit)
				return err
			})
			if err != nil {
				err = ErrorIn("Watch", Key{}, err)
				if !yield(Change{}, err) || !errors.Is(err, ErrUnavailable) {
					return
				}
				batch = nil
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
			if notify && err == nil && !yield(Change{Position: after, Op: OpProgress}, nil) {
				return
			}
			if err := wait(ctx); err != nil {
				yield(Change{}, ErrorIn("Watch", Key{}, err))
				return
			}
		}
	}
}
