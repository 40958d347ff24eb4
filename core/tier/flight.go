package tier

import (
	"cmp"
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

// beginFlight loads the key in the goroutine of its first caller: mostly nobody else waits,
// and another goroutine would cost more than the caches do.
func (s *Store) beginFlight(ctx context.Context, key flightKey, fl *flight) (*Entry, error) {
	l := &lookup{key: key.Key, least: key.least}
	asked, err := s.ask(ctx, l)
	if l.entry == nil && err == nil {
		stop := context.AfterFunc(ctx, func() { s.leaveFlight(ctx, key, fl) })
		err = s.place(ctx, []*lookup{l}, func(ctx context.Context) error { return s.load(ctx, []*lookup{l}, asked) })
		if !stop() {
			s.release(ctx, l)
			return nil, cmp.Or(err, ctx.Err())
		}
	}
	s.flights.answer(fl, l.entry, l.cached, err)
	if err == nil && l.fill {
		s.fillLater(ctx, key, fl, l)
	} else {
		s.flights.forget(key, fl)
	}
	return l.entry, err
}

// leaveFlight is called when the context of the first caller ends: the load may go on, but
// nobody is to wait for it. If others do, it begins anew for them, in the background. It
// does not ask the shared cache, which may be what has taken so long.
func (s *Store) leaveFlight(ctx context.Context, key flightKey, fl *flight) {
	if ctx = s.flights.leave(ctx, key, fl); ctx == nil {
		return
	}
	call, err := s.calls().Enter(ctx)
	defer call.Leave(&err)
	defer fl.cancel(nil)
	defer s.flights.forget(key, fl)
	l := &lookup{key: key.Key, least: key.least}
	if err == nil {
		err = s.place(call, []*lookup{l}, func(ctx context.Context) error {
			if err := s.fromBelow(ctx, []*lookup{l}); err != nil {
				return err
			}
			s.fillLocal(l)
			return nil
		})
	}
	s.flights.answer(fl, l.entry, false, err)
}

// fillLater fills the shared cache with what a flight has loaded, in the background. Until
// it has, others can join the flight, so that they do not meet its lease.
func (s *Store) fillLater(ctx context.Context, key flightKey, fl *flight, l *lookup) {
	call, err := s.calls().Enter(context.WithoutCancel(ctx))
	if err != nil {
		s.release(ctx, l)
		s.flights.forget(key, fl)
		return
	}
	go func() {
		defer call.Leave(&err)
		defer s.flights.forget(key, fl)
		err = s.limited(call, []*lookup{l}, func(ctx context.Context) error {
			s.fillShared(ctx, []*lookup{l})
			return nil
		})
	}()
}
