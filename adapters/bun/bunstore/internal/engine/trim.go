package engine

import (
	"context"
	"log/slog"
	"time"
)

const (
	TrimChunk = 2000 // rows of one statement, so that no writer waits long
	// trimTimeout bounds a statement: over a connection that has hung, the log would
	// never be trimmed again.
	trimTimeout = time.Minute
)

// keepTrimmed trims the log from time to time until ctx ends. Every process does
// so; whoever comes second finds nothing to do.
func (b *Base) keepTrimmed(ctx context.Context) {
	for pause(ctx, b.UpkeepInterval) {
		if _, err := b.Trim(ctx, b.Retention); err != nil && ctx.Err() == nil {
			b.Logger.WarnContext(ctx, "tenancy: the change log could not be trimmed", slog.Any("error", err))
		}
	}
}

// Trim removes the rows of the log that r does not retain, and returns how many.
func (b *Base) Trim(ctx context.Context, r Retention) (total int64, err error) {
	for {
		n, err := b.trimOnce(ctx, r)
		if total > 0 {
			err = MayBeApplied(err)
		}
		total += n
		if err != nil || n == 0 {
			return total, err
		}
	}
}

// trimOnce looks at the oldest rows only, so that it needs no index by age.
func (b *Base) trimOnce(ctx context.Context, r Retention) (n int64, err error) {
	write := b.Read.With(b.DB.DB)
	ctx, cancel := context.WithTimeout(ctx, trimTimeout)
	defer cancel()
	err = b.Retry(ctx, func() error {
		var first, last, newest, upTo Integer
		if _, err := write.One(ctx, b.Texts.trimBound, []any{int64(TrimChunk)}, &first, &last, &newest); err != nil {
			return err
		}
		if r.Age > 0 {
			if _, err := write.One(ctx, b.Texts.aged, []any{r.Age.Microseconds()}, &upTo); err != nil {
				return err
			}
		}
		if r.Rows > 0 {
			upTo = max(upTo, newest-Integer(r.Rows))
		}
		upTo = max(upTo, Integer(r.Before)-1)
		upTo = min(upTo, last, newest-1)
		if upTo < first {
			n = 0
			return nil
		}
		n, err = write.Exec(ctx, b.Texts.trim, int64(upTo))
		return err
	})
	return n, err
}
