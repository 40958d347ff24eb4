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
	cancel  context.CancelCauseFunc
	waiters int // guarded by flights.mu
	done    chan struct{}
	entry   *Entry
	err     error
}

// join waits for the load of key, which it begins if there is none, or until ctx
// ends. The caller checks whether the entry is new enough for it: the load may
// have been begun before.
func (f *flights) join(ctx context.Context, key flightKey, least tenancy.Revision, s *Store) (*Entry, error) {
	f.mu.Lock()
	fl := f.open[key]
	if fl == nil {
		fl = &flight{done: make(chan struct{})}
		var loading context.Context
		loading, fl.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
		if f.open == nil {
			f.open = map[flightKey]*flight{}
		}
		f.open[key] = fl
		s.work.Go(func() { f.run(loading, fl, key, least, s) })
	} else {
		s.stats.coalesced.Add(1)
	}
	fl.waiters++
	f.mu.Unlock()

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

func (f *flights) run(ctx context.Context, fl *flight, key flightKey, least tenancy.Revision, s *Store) {
	defer fl.cancel(nil)
	defer context.AfterFunc(s.ctx, func() { fl.cancel(tenancy.ErrClosed) })()
	ctx, stop := context.WithTimeoutCause(ctx, s.cfg.loadTimeout, errLoadTimeout)
	defer stop()
	defer func() {
		if p := recover(); p != nil {
			fl.entry, fl.err = nil, fmt.Errorf("%w: panic in a load: %v", tenancy.ErrUnavailable, p)
			s.cfg.logger.Error("tenancy: panic in a load", "panic", p, "stack", string(debug.Stack()))
		}
		f.mu.Lock()
		f.forget(key, fl)
		f.mu.Unlock()
		close(fl.done)
	}()
	fl.entry, fl.err = s.load(ctx, key.Key, least)
	if fl.err != nil && ctx.Err() != nil {
		fl.err = context.Cause(ctx) // the reason of the load, which is not its waiters' context
	}
}

var errLoadTimeout = fmt.Errorf("%w: a load took longer than the load timeout", tenancy.ErrUnavailable)

// forget makes the next caller begin a load of its own. The caller holds f.mu.
func (f *flights) forget(key flightKey, fl *flight) {
	if f.open[key] == fl {
		delete(f.open, key)
	}
}
