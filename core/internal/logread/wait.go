package logread

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	minPause = 50 * time.Millisecond
	maxPause = time.Second
)

// Waiter waits at the end of a log. It does not let a Wait that returns at once again and
// again, of a store that mistakes its caller's position, have the log read all the time.
type Waiter struct{ hasty int }

// Wait calls wait after a read that has brought changes or none.
func (w *Waiter) Wait(ctx context.Context, brought bool, wait func(context.Context) error) error {
	begun := time.Now()
	if err := wait(ctx); err != nil {
		return err
	}
	if w.hasty++; brought || time.Since(begun) > time.Millisecond {
		w.hasty = 0
	}
	if w.hasty > 3 {
		pause(ctx, minPause)
	}
	return nil
}

// Pause waits for about a second, or until ctx ends.
func Pause(ctx context.Context) { pause(ctx, maxPause) }

// PauseAfter waits after so many failures in a row, a second at most.
func PauseAfter(ctx context.Context, failed int) {
	pause(ctx, min(minPause<<min(failed-1, 10), maxPause))
}

// pause waits for d, give or take a tenth.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d + time.Duration((rand.Float64()*0.2-0.1)*float64(d)))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
