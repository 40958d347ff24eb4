package valkeytier

import (
	"context"
	"sync/atomic"
	"time"
)

// deadlines makes the contexts of lookups, all of which may take as long. Those
// that begin soon after each other end together, so that they share a timer and a
// channel: one of each for every lookup costs as much as all else that a lookup does
// beside its round trip.
type deadlines struct {
	after  time.Duration
	latest atomic.Pointer[expiry]
}

// expiry is when some lookups end.
type expiry struct {
	at   time.Time
	done chan struct{} // closed then
}

// begin returns a context that ends after d.after at most, and not before nine
// tenths of that.
func (d *deadlines) begin(parent context.Context, now time.Time) deadline {
	e := d.latest.Load()
	if e == nil || e.at.Sub(now) < d.after-d.after/10 {
		done := make(chan struct{})
		e = &expiry{now.Add(d.after), done}
		time.AfterFunc(d.after, func() { close(done) })
		d.latest.Store(e) // another one may be lost here, which then serves fewer lookups
	}
	return deadline{parent, e}
}

// deadline is a context that ends with its expiry, or when its parent has ended
// and somebody asks. It does not watch its parent: a call whose caller left goes on
// for what is left of its deadline, which is short.
//
// It needs no release. The client makes contexts of its own from it, whose timers
// may ask it for its values after the call has returned.
type deadline struct {
	context.Context // the parent, for its values
	*expiry
}

func (c deadline) Deadline() (time.Time, bool) {
	if at, ok := c.Context.Deadline(); ok && at.Before(c.at) {
		return at, true
	}
	return c.at, true
}

func (c deadline) Done() <-chan struct{} { return c.done }

func (c deadline) Err() error {
	select {
	case <-c.done:
		return context.DeadlineExceeded
	default:
		return c.Context.Err()
	}
}
