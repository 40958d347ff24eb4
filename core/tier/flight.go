package tier

import (
	"context"
	"sync"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// flights are the loads of single keys under way, so that a key is loaded once, however
// many callers wait for it.
type flights struct {
	mu   sync.Mutex
	open map[flightKey]*flight
}

// flightKey holds the epoch, so that nobody joins a load that was begun before a flush,
// and what the load asks for at least.
type flightKey struct {
	tenancy.Key
	epoch uint64
	least tenancy.Revision
}

// flight is one load. Its first caller makes it. If that one leaves before the others, it
// goes on in the background, with a context that ends when the last waiter has left. It can
// be joined until it is forgotten, also when it has its answer already.
type flight struct {
	cancel  context.CancelCauseFunc // nil until it goes on in the background
	waiters int                     // its first caller among them; guarded by flights.mu
	done    chan struct{}           // made for the first who waits, by flights.mu
	over    bool                    // it has its answer; guarded by flights.mu

	entry  *Entry
	cached bool // the shared cache had it
	err    error
}

// join returns the flight of key, and whether the caller is the first, who has to
// begin it. Any other waits for it; over says that it has its answer.
func (f *flights) join(key flightKey) (fl *flight, first, over bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fl = f.open[key]; fl != nil {
		fl.waiters++
		if fl.done == nil {
			fl.done = make(chan struct{})
			if fl.over {
				close(fl.done)
			}
		}
		return fl, false, fl.over
	}
	if f.open == nil {
		f.open = map[flightKey]*flight{}
	}
	fl = &flight{waiters: 1}
	f.open[key] = fl
	return fl, true, false
}

// leave lets the first caller leave the flight, whose context has ended. It returns the
// context with which the flight goes on in the background, or nil if nobody else waits.
func (f *flights) leave(ctx context.Context, key flightKey, fl *flight) context.Context {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fl.waiters--; fl.waiters == 0 {
		f.drop(key, fl)
		return nil
	}
	ctx, fl.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	return ctx
}

// wait waits for the answer, or until ctx ends.
func (f *flights) wait(ctx context.Context, key flightKey, fl *flight) (*Entry, error) {
	select {
	case <-fl.done:
		return fl.entry, fl.err
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if fl.waiters--; fl.waiters == 0 && !fl.over { // its first caller has left before
		fl.cancel(context.Canceled)
		f.drop(key, fl) // whoever comes now must not get the cancellation
	}
	return nil, ctx.Err()
}

// answer gives the waiters what the flight has got, unless they have their answer.
func (f *flights) answer(fl *flight, e *Entry, cached bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fl.over {
		return
	}
	fl.entry, fl.cached, fl.err, fl.over = e, cached, err, true
	if fl.done != nil {
		close(fl.done)
	}
}

// forget makes the next caller begin a load of its own.
func (f *flights) forget(key flightKey, fl *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(key, fl)
}

func (f *flights) drop(key flightKey, fl *flight) {
	if f.open[key] == fl {
		delete(f.open, key)
	}
}
