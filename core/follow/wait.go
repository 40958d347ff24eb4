package follow

import (
	"context"
	"fmt"
	"time"

	"github.com/go-tenancy/tenantstore/core/internal/logread"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// run reads the log whenever there may be more, or somebody asks for it.
func (r *Reader) run(ctx context.Context) {
	for failed := 0; ctx.Err() == nil; {
		reading, n := r.begin()
		err := r.read(ctx, n)
		if ctx.Err() == nil { // closed is no trouble to log
			r.noteContact(err)
			r.noteServing()
		}
		r.end(reading, err)
		if failed++; err == nil {
			failed = 0
		}
		r.restAfter(ctx, failed)
	}
}

// begin returns the read that begins now, and its number.
func (r *Reader) begin() (*reading, uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current = r.next; r.current == nil {
		r.current = newReading()
	}
	r.next = nil
	r.begun++
	return r.current, r.begun
}

func (r *Reader) end(reading *reading, err error) {
	r.mu.Lock()
	r.current = nil
	r.mu.Unlock()
	reading.err = err
	close(reading.done)
}

// request has the log read, and returns the read, which begins after the call.
func (r *Reader) request() *reading {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil {
		r.next = newReading()
	}
	r.wake()
	return r.next
}

// rouse has the log read soon.
func (r *Reader) rouse() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.roused = true
	r.wake()
}

// wake ends the rest, if there is one. The caller holds mu.
func (r *Reader) wake() {
	if r.rest != nil {
		r.rest()
	}
}

// restAfter waits until the log is to be read again.
func (r *Reader) restAfter(ctx context.Context, failed int) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r.mu.Lock()
	awake := r.roused || r.next != nil
	r.rest = cancel
	r.mu.Unlock()
	switch {
	case awake:
	case failed > 0:
		logread.PauseAfter(ctx, failed)
	case !r.IsWhole() && !r.isPutOff(): // there is more to be read
	default:
		if r.isPutOff() {
			ctx, cancel = context.WithDeadline(ctx, r.scans.next)
			defer cancel()
		}
		at := r.Position()
		if r.waiter.Wait(ctx, at != r.waited, func(ctx context.Context) error { return r.log.Wait(ctx, at) }) != nil {
			logread.Pause(ctx)
		}
		r.waited = at
	}
	r.mu.Lock()
	r.rest, r.roused = nil, false
	r.mu.Unlock()
}

// wait waits for the end of a read, or until enough was read, which it asks whenever the
// position has moved. It gives up when ctx ends, or when for the time of two pages, of
// this read and the one before it, nothing has come.
func (r *Reader) wait(ctx context.Context, reading *reading, enough func() bool) error {
	patience := func() time.Duration { return time.Duration(r.patience.Load()) }
	t := time.NewTimer(patience())
	defer t.Stop()
	for {
		grown := r.Growth()
		if enough() {
			return nil
		}
		select {
		case <-reading.done:
			return reading.err
		case <-grown:
			t.Reset(patience())
		case <-t.C:
			return fmt.Errorf("%w: the change log did not answer within %v", tenancy.ErrUnavailable, patience())
		case <-ctx.Done():
			return ctx.Err()
		case <-r.work.Context().Done():
			return tenancy.ErrClosed
		}
	}
}

// way leads to a position: by a read that was under way already, if there was one, else
// by one that has begun since.
type way struct {
	reader *Reader
	to     tenancy.Position
	old    *reading // may have passed where to is before that was written
	next   *reading
}

// underway has the log read as far as p, if it was not.
func (r *Reader) underway(p tenancy.Position) way {
	w := way{reader: r, to: p}
	if w.reached() {
		return w
	}
	r.mu.Lock()
	w.old = r.current
	r.mu.Unlock()
	if w.old == nil {
		w.next = r.request()
	}
	return w
}

func (w way) reached() bool { return w.reader.Check(w.to) == Confirmed }

// reach waits until the log was followed to the position. It returns nil, too, if a read
// that began after underway was called has not shown it.
func (w way) reach(ctx context.Context) error {
	if w.old != nil {
		if err := w.reader.wait(ctx, w.old, w.reached); err == nil && w.reached() {
			return nil
		}
		w.next = w.reader.request()
	}
	if w.next == nil {
		return nil
	}
	return w.reader.wait(ctx, w.next, w.reached)
}
