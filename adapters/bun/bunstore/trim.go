package bunstore

import (
	"context"
	"log/slog"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// retention bounds the change log; see WithRetention.
type retention struct {
	rows   int64
	age    time.Duration
	before tenancy.Revision // drop every older row; see Store.Compact
}

const (
	trimChunk = 2000 // rows of one statement, so that no writer waits long
	// trimTimeout bounds a statement: over a connection that has hung, the log would
	// never be trimmed again.
	trimTimeout = time.Minute
)

// keepTrimmed trims the log from time to time until ctx ends. Every process does
// so; whoever comes second finds nothing to do.
func (b *base) keepTrimmed(ctx context.Context) {
	for pause(ctx, b.upkeepInterval) {
		if _, err := b.trim(ctx, b.retention); err != nil && ctx.Err() == nil {
			b.logger.WarnContext(ctx, "tenancy: the change log could not be trimmed", slog.Any("error", err))
		}
	}
}

// trim removes the rows of the log that r does not retain, and returns how many.
func (b *base) trim(ctx context.Context, r retention) (total int64, err error) {
	for {
		n, err := b.trimOnce(ctx, r)
		if total > 0 {
			err = mayBeApplied(err)
		}
		total += n
		if err != nil || n == 0 {
			return total, err
		}
	}
}

// trimOnce looks at the oldest rows only, so that it needs no index by age.
func (b *base) trimOnce(ctx context.Context, r retention) (n int64, err error) {
	write := b.read.with(b.db)
	ctx, cancel := context.WithTimeout(ctx, trimTimeout)
	defer cancel()
	err = b.retry(ctx, func() error {
		var first, last, newest, upTo integer
		if _, err := write.one(ctx, b.texts.trimBound, []any{int64(trimChunk)}, &first, &last, &newest); err != nil {
			return err
		}
		if r.age > 0 {
			if _, err := write.one(ctx, b.texts.aged, []any{r.age.Microseconds()}, &upTo); err != nil {
				return err
			}
		}
		if r.rows > 0 {
			upTo = max(upTo, newest-integer(r.rows))
		}
		upTo = max(upTo, integer(r.before)-1)
		upTo = min(upTo, last, newest-1)
		if upTo < first {
			n = 0
			return nil
		}
		n, err = write.exec(ctx, b.texts.trim, int64(upTo))
		return err
	})
	return n, err
}
