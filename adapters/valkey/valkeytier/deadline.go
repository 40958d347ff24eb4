package valkeytier

import (
	"context"
	"time"
)

// deadline is a context that ends after a time, or when its parent has ended
// and somebody asks. It does not watch its parent: a call whose caller left goes on
// for what is left of its deadline, which is short. That makes it cheaper than
// those of package context, which would be the largest part of what a lookup costs
// beside its round trip.
//
// It is not used again: the client makes contexts of its own from it, whose timers
// may ask it for its values after the call has returned.
type deadline struct {
	context.Context // the parent, for its values
	at              time.Time
	timer           *time.Timer
	done            chan struct{}
}

// newDeadline returns a context that ends d after now.
func newDeadline(parent context.Context, now time.Time, d time.Duration) *deadline {
	done := make(chan struct{})
	return &deadline{
		Context: parent, at: now.Add(d), done: done,
		timer: time.AfterFunc(d, func() { close(done) }),
	}
}

// release frees the timer. Nobody waits for c any more.
func (c *deadline) release() { c.timer.Stop() }

func (c *deadline) Deadline() (time.Time, bool) {
	if at, ok := c.Context.Deadline(); ok && at.Before(c.at) {
		return at, true
	}
	return c.at, true
}

func (c *deadline) Done() <-chan struct{} { return c.done }

func (c *deadline) Err() error {
	select {
	case <-c.done:
		return context.DeadlineExceeded
	default:
		return c.Context.Err()
	}
}
