package driver

import (
	"context"
	"errors"
	"github.com/go-tenancy/tenantstore/core/internal/logread"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"iter"
)

// WatchLog is Watch on top of Changes, for authors of sources: it yields what
// changes returns, and calls wait when there is nothing left or the log cannot
// be read. wait returns when there may be more, at the latest after the store's
// poll interval, or with the error that ends the watch: ErrClosed or the
// context's. A call of changes gets a deadline of a second, and of more where that
// was not enough. WatchLog starts no goroutine.
func WatchLog(
	ctx context.Context, after tenancy.Position,
	changes func(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error),
	wait func(ctx context.Context) error,
) iter.Seq2[tenancy.Change, error] {
	notify := logread.ProgressNotify(ctx)
	return func(yield func(tenancy.Change, error) bool) {
		var limit logread.Limit
		after := after // so that the sequence can be ranged over again
		for {
			var batch []tenancy.Change
			err := limit.Read(ctx, tenancy.ErrUnavailable, func(ctx context.Context) (err error) {
				batch, err = changes(ctx, after, tenancy.DefaultChangesLimit)
				return err
			})
			if err != nil {
				err = ErrorIn("Watch", tenancy.Key{}, err)
				if !yield(tenancy.Change{}, err) || !errors.Is(err, tenancy.ErrUnavailable) {
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
			if len(batch) >= tenancy.DefaultChangesLimit { // fewer were all there were
				continue
			}
			if notify && err == nil && !yield(tenancy.Change{Position: after, Kind: tenancy.ChangeProgress}, nil) {
				return
			}
			if err := wait(ctx); err != nil {
				yield(tenancy.Change{}, ErrorIn("Watch", tenancy.Key{}, err))
				return
			}
		}
	}
}
