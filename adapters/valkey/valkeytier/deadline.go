package valkeytier

import (
	"context"
	"sync"
	"time"
)

// deadlines makes the contexts of calls. They are used again: those of package
// context would be the largest part of what a lookup costs beside its round trip.
type deadlines struct{ free sync.Pool }

// deadline is a context that ends after a time, or when its parent has ended
// and somebody asks. It does not watch its parent: a call whose caller left goes on
// for what is left of its deadline, which is short.
type deadline struct {
	context.Context // the parent, for its values
	at              time.Time
	timer           *time.Timer
	done            chan struct{}
}

// begin returns a context that ends d after now.
func (p *deadlines) begin(parent context.Context, now time.Time, d time.Duration) *deadline {
	c, ok := p.free.Get().(*deadline)
	if !ok {
		c = &deadline{done: make(chan struct{})}
		c.timer = time.AfterFunc(d, func() { close(c.done) })
	} else {
		c.timer.Reset(d)
	}
	c.Context, c.at = parent, now.Add(d)
	return c
}

// end says that nobody uses c any more.
func (p *deadlines) end(c *deadline) {
	if !c.timer.Stop() {
		return // it ended, or is about to
	}
	c.Context = nil
	p.free.Put(c)
}

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
