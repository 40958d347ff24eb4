// Package logread is what the readers of a change log have in common.
package logread

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// Limit is how long the next read of a log may take: Least, so that one that hangs is
// reported soon. It is doubled after each read that took longer, so that one that is
// only slow ends, and halved after each that did not.
type Limit struct {
	Least time.Duration // a second if 0
	now   time.Duration
}

// maxFactor times Least is the longest that a read may take.
const maxFactor = 8

// Now returns the limit.
func (l *Limit) Now() time.Duration { return max(l.now, l.least()) }

func (l *Limit) least() time.Duration { return cmp.Or(l.Least, time.Second) }

// Read calls do with a deadline. If that is over, the error wraps
// unavailable; it is the context's if ctx has ended,
// whatever do makes of it.
func (l *Limit) Read(ctx context.Context, unavailable error, do func(context.Context) error) error {
	d := l.Now()
	limited, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	err := do(limited)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && limited.Err() != nil:
		if l.now = maxFactor * l.least(); d < l.now/2 {
			l.now = 2 * d
		}
		return fmt.Errorf("%w: the change log did not answer within %v", unavailable, d)
	}
	l.now = d / 2
	return err
}
