package bunstore

import (
	"context"
	"log/slog"
	"math/rand/v2"
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
	trimInterval = time.Minute
	trimChunk    = 2000 // rows of one statement, so that no writer waits long
	// trimTimeout bounds a statement: over a connection that has hung, the log would
	// never be trimmed again.
	trimTimeout = time.Minute
)

// keepTrimmed trims the log from time to time until ctx ends. Every process does
// so; whoever comes second finds nothing to do.
func (b *base) keepTrimmed(ctx context.Context) {
	filling := false
	for {
		timer := time.NewTimer(trimInterval/2 + rand.N(trimInterval))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if _, err := b.trim(ctx, b.retention); err != nil && ctx.Err() == nil {
			b.logger.WarnContext(ctx, "tenancy: the change log could not be trimmed", slog.Any("error", err))
		}
		filling = b.warnOfQueue(ctx, filling, queueAlert)
	}
}

// queueAlert is how full the queue of NOTIFY may be, from 0 to 1. When it is full, all
// writes fail.
const queueAlert = 0.5

// warnOfQueue logs when the queue of NOTIFY comes to be fuller than limit, and when it
// no longer is. It returns which of the two holds.
func (b *base) warnOfQueue(ctx context.Context, filling bool, limit float64) bool {
	text := b.dialect.queueUsage()
	if text == "" {
		return false
	}
	var usage float64
	if found, err := b.read.one(ctx, text, nil, &usage); err != nil || !found || usage >= limit == filling {
		return filling // an error is the next reader's, too
	}
	percent := slog.Float64("percent", 100*usage)
	if filling {
		b.logger.InfoContext(ctx, "tenancy: the queue of NOTIFY is being emptied", percent)
	} else {
		b.logger.WarnContext(ctx, "tenancy: the queue of NOTIFY fills up; when it is full, all writes fail: end the session that listens"+
			" in a transaction, see pg_stat_activity", percent)
	}
	return !filling
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

// trimOnce looks at the oldest rows only, so that it needs no index by age. How old
// they are says the clock of the database, which has stamped them.
func (b *base) trimOnce(ctx context.Context, r retention) (n int64, err error) {
	write := b.read.with(b.db)
	ctx, cancel := context.WithTimeout(ctx, trimTimeout)
	defer cancel()
	err = b.retry(ctx, func() error {
		var first, last, aged, newest integer
		args := []any{r.age.Microseconds(), int64(trimChunk)}
		if _, err := write.one(ctx, b.texts.trimBound, args, &first, &last, &aged, &newest); err != nil {
			return err
		}
		upTo := integer(0)
		if r.age > 0 {
			upTo = aged
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
