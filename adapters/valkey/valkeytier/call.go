package valkeytier

import (
	"context"
	"errors"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// call is one use of the client, from begin to end.
type call struct {
	link   *link
	client valkey.Client
	needs  command
	parent context.Context
	ctx    context.Context    // with the deadline
	cancel context.CancelFunc // nil if begun by beginLookup
	begun  time.Time
}

// begin takes a place for a call that needs these commands, and starts the deadline.
// Without an error, the caller calls end.
func (l *link) begin(ctx context.Context, needs command, d time.Duration) (call, error) {
	c := call{link: l, needs: needs, parent: ctx, begun: time.Now()}
	if err := l.takePlace(needs); err != nil {
		return call{}, err
	}
	c.ctx, c.cancel = context.WithTimeout(ctx, d)
	return c, c.connect()
}

// beginLookup is begin at a tenth of the cost, with the deadline of the
// configuration, if that is short: a call that is under way does not notice then that
// ctx ends.
func (l *link) beginLookup(ctx context.Context, needs command) (call, error) {
	if l.cfg.deadline > maxUnnoticed {
		return l.begin(ctx, needs, l.cfg.deadline)
	}
	if err := ctx.Err(); err != nil {
		return call{}, err
	}
	c := call{link: l, needs: needs, parent: ctx, begun: time.Now()}
	if err := l.takePlace(needs); err != nil {
		return call{}, err
	}
	c.ctx = l.lookups.begin(ctx, c.begun)
	return c, c.connect()
}

func (l *link) takePlace(needs command) error {
	if isClosed(l.attempted) {
		if err := l.refuses(needs); err != nil {
			return err
		}
	}
	if l.underway.Add(1) > int64(l.cfg.maxCalls) {
		l.underway.Add(-1)
		l.refused.Add(1)
		return errBusy
	}
	return nil
}

// connect gets the client. In the first moments it waits for the first attempt.
func (c *call) connect() error {
	l := c.link
	if !isClosed(l.attempted) {
		select {
		case <-l.attempted:
		case <-l.ctx.Done():
		case <-c.ctx.Done():
		case <-c.parent.Done():
		}
	}
	if err := l.refuses(c.needs); err != nil {
		c.leave()
		return err
	}
	c.client = *l.client.Load()
	return nil
}

// refuses returns why a call that needs these commands is not made, or nil.
func (l *link) refuses(needs command) error {
	open := l.breaker.current() != observe.BreakerClosed
	if !open && l.accepts(needs) {
		return nil
	}
	if l.ctx.Err() != nil {
		return tenancy.ErrClosed
	}
	l.refused.Add(1)
	if open {
		return errOpen
	}
	return errRefused
}

func (c *call) leave() {
	if c.cancel != nil {
		c.cancel()
	}
	c.link.underway.Add(-1)
}

// end gives the place back and tells the breaker how the call went. It returns err.
func (c *call) end(err error) error {
	defer c.leave()
	l := c.link
	var failed *commandError
	switch {
	case err == nil:
		l.breaker.succeeded()
	case errors.Is(err, context.Canceled), c.leftEarly():
		// The caller went away: that says nothing of Valkey.
	case !errors.As(err, &failed): // nothing was sent
	default:
		l.failures.Add(1)
		if len(failed.keys) > 0 {
			l.suspects[failed.command.index()].Store(&failed.keys)
		}
		if failed.refused() {
			l.deny(failed)
		} else if l.breaker.failed() {
			l.logOpen(0, err)
		}
	}
	return err
}

// leftEarly reports whether the caller's own deadline ended the call before
// Valkey had had half of ours.
func (c *call) leftEarly() bool {
	return c.parent.Err() != nil && time.Since(c.begun) < c.link.cfg.deadline/2
}
