// Package logread is what the readers of a change log have in common.
package logread

import (
	"context"
	"fmt"
	"time"
)

type progressKey struct{}

// WithProgressNotify returns a copy of ctx with which ProgressNotify is true.
func WithProgressNotify(ctx context.Context) context.Context {
	return context.WithValue(ctx, progressKey{}, true)
}

// ProgressNotify reports whether the caller of Watch wants an ChangeProgress.
func ProgressNotify(ctx context.Context) bool {
	notify, _ := ctx.Value(progressKey{}).(bool)
	return notify
}

// Limit is how long the next read of a log may take: a second, so that one that
// hangs is reported soon. It is doubled after each read that took longer, so that
// one that is only slow ends, and halved after each that did not.
type Limit time.Duration

const (
	minLimit = Limit(time.Second)
	maxLimit = 8 * minLimit
)

// Read calls do with a deadline. If that is over, the error wraps
// unavailable; it is the context's if ctx has ended,
// whatever do makes of it.
func (l *Limit) Read(ctx context.Context, unavailable error, do func(context.Context) error) error {
	d := max(*l, minLimit)
	limited, cancel := context.WithTimeout(ctx, time.Duration(d))
	defer cancel()
	err := do(limited)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && limited.Err() != nil:
		*l = min(2*d, maxLimit)
		return fmt.Errorf("%w: the change log did not answer within %v", unavailable, time.Duration(d))
	}
	*l = d / 2
	return err
}
