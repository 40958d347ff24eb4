package engine

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// A former identifier ends by a change, so that caches hear of it: whoever follows the log,
// or writes, removes those whose time is over; and so does who finds one.

const (
	endChunk = 500 // former identifiers that one statement ends, so that no writer waits long
	// endInterval is how often a process looks which one ends next: others may have
	// written it.
	endInterval = time.Minute
	endPatience = time.Second
)

// endings wakes the goroutine that ends former identifiers when one is to end sooner than
// that knows of.
type endings struct {
	sooner chan time.Time
	kept   atomic.Pointer[time.Time] // the end of one that is perhaps not committed yet
}

func newEndings() *endings { return &endings{sooner: make(chan time.Time, 1)} }

// wrote is called after each write. One that is part of a transaction will be followed by
// another, as a rule.
func (e *endings) wrote(committed bool) {
	at := e.kept.Load()
	if at == nil {
		return
	}
	select {
	case e.sooner <- *at:
	default: // it has not even heard of another one, and is about to look
	}
	if committed {
		e.kept.CompareAndSwap(at, nil)
	}
}

// keepEnded ends former identifiers when their time is over, until ctx ends.
func (b *Base) keepEnded(ctx context.Context) {
	var first Instant
	for b.endings.wait(ctx, first) {
		var err error
		if first, err = b.firstEnd(ctx); err == nil && ended(first, time.Now()) {
			var n int64
			if n, err = b.endFormer(ctx); n == 0 { // the database's clock is behind
				first = Instant(time.Now().Add(endPatience))
			} else {
				first = Instant{}
			}
		}
		if err != nil && ctx.Err() == nil {
			b.Logger.WarnContext(ctx, "tenancy: former identifiers could not be ended", slog.Any("error", err))
		}
	}
}

// wait returns when it is time to look: at first, if that is a time, and about an interval
// from now at the latest. It reports false when ctx has ended.
func (e *endings) wait(ctx context.Context, first Instant) bool {
	next := time.Now().Add(endInterval/2 + rand.N(endInterval)) // so that processes that start together do not look together
	if at := time.Time(first); !at.IsZero() && at.Before(next) {
		next = at
	}
	for {
		timer := time.NewTimer(time.Until(next))
		select {
		case at := <-e.sooner:
			timer.Stop()
			if at.Before(next) {
				next = at
			}
		case <-timer.C:
			return true
		case <-ctx.Done():
			timer.Stop()
			return false
		}
	}
}

// firstEnd returns when the next former identifier ends, if there is one.
func (b *Base) firstEnd(ctx context.Context) (first Instant, err error) {
	err = b.Retry(ctx, func() error {
		_, err := b.Read.One(ctx, b.Texts.names.firstEnd, nil, &first)
		return err
	})
	return first, err
}

// endFormer ends the former identifiers whose time is over by the clock of the database, and
// returns how many.
func (b *Base) endFormer(ctx context.Context) (total int64, err error) {
	for {
		var n int64
		err := b.Exclusively(ctx, func(in Session) (err error) {
			n, err = in.Exec(ctx, b.Texts.names.end)
			return err
		})
		total += n
		if err != nil || n < endChunk {
			return total, err
		}
	}
}
