package tenancy

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

type progressKey struct{}

// WithProgressNotify returns a copy of ctx with which Watch also yields an
// OpProgress each time it has read the log to its end: at least once in each poll
// interval. All changes up to its Position have been yielded; it has no keys. So
// "nothing has changed" can be told from "nothing can be seen".
func WithProgressNotify(ctx context.Context) context.Context {
	return context.WithValue(ctx, progressKey{}, true)
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
	notify, _ := ctx.Value(progressKey{}).(bool)
	return func(yield func(Change, error) bool) {
		var limit readLimit
		after := after // so that the sequence can be ranged over again
		for {
			var batch []Change
			err := limit.read(ctx, func(ctx context.Context) (err error) {
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

// readLimit is how long the next read of a log may take: a second, so that one that
// hangs is reported soon. It is doubled after each read that took longer, so that
// one that is only slow ends, and halved after each that did not.
type readLimit time.Duration

const (
	minReadLimit = readLimit(time.Second)
	maxReadLimit = 8 * minReadLimit
)

// read calls do with a deadline. If that is over, or do fails without a reason of this
// package, the error wraps ErrUnavailable; it is the context's if ctx has ended,
// whatever do makes of it.
func (l *readLimit) read(ctx context.Context, do func(context.Context) error) error {
	d := max(*l, minReadLimit)
	limited, cancel := context.WithTimeout(ctx, time.Duration(d))
	defer cancel()
	err := do(limited)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && limited.Err() != nil:
		*l = min(2*d, maxReadLimit)
		return fmt.Errorf("%w: the change log did not answer within %v", ErrUnavailable, time.Duration(d))
	}
	*l = d / 2
	return err
}
