// Package inflight keeps the calls that are under way in a store, so that closing it
// ends them.
package inflight

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Group is the calls under way of one store, and what it does in the background. No
// method but Wait blocks.
type Group struct {
	closed error // what calls after End, and those that it ended, fail with

	over  atomic.Bool // set by End
	ctx   context.Context
	end   context.CancelCauseFunc
	count atomic.Int64  // calls under way
	idle  chan struct{} // gets a value when there are none after End

	mu    sync.Mutex
	calls map[*Call]struct{} // those whose end somebody may be waiting for
	spare []Call             // to be used, each once: a context may be kept longer than the call
}

// New returns an open group whose calls fail with closed once it is ended.
func New(closed error) *Group {
	g := &Group{closed: closed, idle: make(chan struct{}, 1), calls: map[*Call]struct{}{}}
	g.ctx, g.end = context.WithCancelCause(context.Background())
	return g
}

// Enter begins a call, which goes on with the returned Call as its context: it ends when
// ctx does, or the group, or the call. Leave follows. After End, Enter fails, with a nil
// Call, of which Leave may be called too.
func (g *Group) Enter(ctx context.Context) (*Call, error) {
	g.count.Add(1)
	if g.over.Load() {
		g.left()
		return nil, g.closed
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.spare) == 0 {
		g.spare = make([]Call, 32)
	}
	c := &g.spare[0]
	g.spare = g.spare[1:]
	c.group, c.caller = g, ctx
	return c, nil
}

func (g *Group) left() {
	if g.count.Add(-1) == 0 && g.over.Load() {
		select {
		case g.idle <- struct{}{}:
		default:
		}
	}
}

// Go calls f in a goroutine, unless the group was ended.
func (g *Group) Go(f func(ctx context.Context)) {
	call, err := g.Enter(g.ctx)
	if err != nil {
		return
	}
	go func() {
		defer call.Leave(&err)
		f(call)
	}()
}

// Context returns a context that End ends.
func (g *Group) Context() context.Context { return g.ctx }

// Over reports whether End was called.
func (g *Group) Over() bool { return g.over.Load() }

// End ends the contexts of all calls under way, and lets no other begin. It reports
// whether it is the first call of End.
func (g *Group) End() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over.Swap(true) {
		return false
	}
	g.end(g.closed)
	for c := range g.calls {
		c.own.Load().end(g.closed)
	}
	return true
}

// Wait waits after End until every call has left, but not longer than patience: one
// that ignores the end of its context may never leave. It returns how many are left.
func (g *Group) Wait(patience time.Duration) int64 {
	t := time.NewTimer(patience)
	defer t.Stop()
	for g.count.Load() > 0 {
		select {
		case <-g.idle:
		case <-t.C:
			return g.count.Load()
		}
	}
	return 0
}

// Call is one call under way, and its context. Most calls of a store in memory never
// wait: they cost no more than this, and the context that can be waited for is made
// when somebody asks for it.
type Call struct {
	group  *Group
	caller context.Context
	own    atomic.Pointer[own]
}

type own struct {
	context.Context
	end context.CancelCauseFunc
}

// ended is the context of calls that have ended, if nobody had asked for theirs before.
var ended = func() *own {
	ctx, end := context.WithCancelCause(context.Background())
	end(nil)
	return &own{ctx, end}
}()

// Failed makes a failure of a call that the group has ended wrap the group's error
// besides its own.
func (c *Call) Failed(err *error) {
	if c != nil && *err != nil && c.group.Over() && c.caller.Err() == nil && !errors.Is(*err, c.group.closed) {
		*err = fmt.Errorf("%w: %w", c.group.closed, *err)
	}
}

// Leave ends the call, which has failed as in Failed if it has.
func (c *Call) Leave(err *error) {
	if c == nil {
		return
	}
	c.Failed(err)
	if !c.own.CompareAndSwap(nil, ended) {
		c.own.Load().end(nil)
		c.group.mu.Lock()
		delete(c.group.calls, c)
		c.group.mu.Unlock()
	}
	c.group.left()
}

// Done implements [context.Context].
func (c *Call) Done() <-chan struct{} {
	if o := c.own.Load(); o != nil {
		return o.Done()
	}
	ctx, end := context.WithCancelCause(c.caller) // may ask another Call, so not under mu
	g := c.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if !c.own.CompareAndSwap(nil, &own{ctx, end}) {
		end(nil)
		return c.own.Load().Done()
	}
	if g.over.Load() {
		end(g.closed)
	}
	g.calls[c] = struct{}{}
	return ctx.Done()
}

// Err implements [context.Context].
func (c *Call) Err() error {
	if o := c.own.Load(); o != nil {
		return o.Err()
	}
	if err := c.caller.Err(); err != nil {
		return err
	}
	if c.group.Over() {
		return context.Canceled
	}
	return nil
}

// Deadline implements [context.Context].
func (c *Call) Deadline() (time.Time, bool) { return c.caller.Deadline() }

// Value implements [context.Context].
func (c *Call) Value(key any) any {
	if o := c.own.Load(); o != nil && o != ended {
		return o.Value(key)
	}
	return c.caller.Value(key)
}
