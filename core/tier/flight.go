package tier

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// flights are the loads under way, so that a key is loaded once, however many
// callers wait for it.
type flights struct {
	mu   sync.Mutex
	open map[flightKey]*flight
}

// flightKey holds the epoch, so that nobody joins a load that was begun before a
// flush.
type flightKey struct {
	tenancy.Key
	epoch uint64
}

// flight is one load. It has a context of its own, which ends when the last
// waiter has left.
type flight struct {
	cancel  context.CancelCauseFunc // nil until it goes on in the background
	waiters int                     // guarded by flights.mu
	done    chan struct{}           // made for the first who waits, by flights.mu
	entry   *Entry
	cached  bool // a shared cache had it
	err     error
}

// join waits for the load of key, which it begins if there is none, or until ctx
// ends. The caller checks whether the entry is new enough for it: the load may
// have been begun before.
func (f *flights) join(ctx context.Context, key flightKey, least tenancy.Revision, s *Store) (*Entry, error) {
	f.mu.Lock()
	fl := f.open[key]
	if fl != nil {
		s.stats.coalesced.Add(1)
		fl.waiters++
		if fl.done == nil {
			fl.done = make(chan struct{})
		}
		f.mu.Unlock()
		e, err := f.wait(ctx, key, fl)
		if s.shared {
			s.stats.joined(e, err == nil && fl.cached)
		}
		return e, err
	}
	fl = &flight{waiters: 1}
	if f.open == nil {
		f.open = map[flightKey]*flight{}
	}
	f.open[key] = fl
	f.mu.Unlock()

	if f.ask(ctx, fl, key, least, s) {
		return fl.entry, fl.err
	}
	return f.wait(ctx, key, fl)
}

// ask looks into the cache before it leaves the load to the background: a shared
// one answers soon or not at all, and most lookups end here, where a goroutine and
// its contexts would cost more than they do; a local one may have been filled since
// the lookup found nothing. It reports whether the flight has ended.
func (f *flights) ask(ctx context.Context, fl *flight, key flightKey, least tenancy.Revision, s *Store) (ended bool) {
	defer func() {
		if p := recover(); p != nil {
			fl.entry, fl.err, ended = nil, s.panicked(p), true
		}
		if ended {
			f.end(key, fl)
		}
	}()
	var a answer
	if !s.shared {
		fl.entry = s.filled(ctx, key.Key, least)
	} else if a = s.ask(ctx, key.Key); a.Entry != nil && s.acceptKnown(a.Entry, key.Key, least) {
		fl.entry, fl.cached = a.Entry, true
	}
	if fl.entry != nil {
		return true
	}
	loading, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	f.mu.Lock()
	fl.cancel = cancel
	if fl.done == nil {
		fl.done = make(chan struct{})
	}
	f.mu.Unlock()
	go f.run(loading, fl, key, least, a, s)
	return false
}

func (f *flights) wait(ctx context.Context, key flightKey, fl *flight) (*Entry, error) {
	select {
	case <-fl.done:
		return fl.entry, fl.err
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if fl.waiters--; fl.waiters == 0 {
		fl.cancel(context.Canceled)
		f.forget(key, fl) // whoever comes now must not get the cancellation
	}
	return nil, ctx.Err()
}

func (f *flights) run(ctx context.Context, fl *flight, key flightKey, least tenancy.Revision, a answer, s *Store) {
	defer fl.cancel(nil)
	call, err := s.calls.Enter(ctx)
	defer call.Leave(&err)
	defer func() {
		if p := recover(); p != nil {
			fl.entry, fl.err = nil, s.panicked(p)
		}
		f.end(key, fl)
	}()
	if fl.err = err; err != nil {
		return
	}
	ctx, stop := context.WithTimeoutCause(call, s.cfg.loadTimeout, errLoadTimeout)
	defer stop()
	fl.entry, fl.cached, fl.err = s.load(ctx, key.Key, least, a)
	if fl.err != nil && ctx.Err() != nil {
		fl.err = context.Cause(ctx) // the reason of the load, which is not its waiters' context
	}
}

// panicked makes an error of the panic of a load, for all who wait for it.
func (s *Store) panicked(p any) error {
	s.cfg.logger.Error("tenancy: panic in a load", "panic", p, "stack", string(debug.Stack()))
	return fmt.Errorf("%w: panic in a load: %v", tenancy.ErrUnavailable, p)
}

// end gives the waiters what the flight got.
func (f *flights) end(key flightKey, fl *flight) {
	f.mu.Lock()
	f.forget(key, fl)
	if fl.done != nil {
		close(fl.done)
	}
	f.mu.Unlock()
}

var errLoadTimeout = fmt.Errorf("%w: a load took longer than the load timeout", tenancy.ErrUnavailable)

// forget makes the next caller begin a load of its own. The caller holds f.mu.
func (f *flights) forget(key flightKey, fl *flight) {
	if f.open[key] == fl {
		delete(f.open, key)
	}
}
