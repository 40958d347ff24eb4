package valkeytier

import (
	"math/bits"
	"sync/atomic"

	"github.com/go-tenancy/tenantstore/core/observe"
)

// maxFailures of the last 64 calls open the breaker. So one hung server in a
// cluster of a dozen is enough, and a single slow moment is not.
const maxFailures = 5

// breaker stops calls to a server that fails. It only judges; the link makes the
// probes.
type breaker struct {
	state  atomic.Int32
	recent atomic.Uint64 // a bit for each of the last calls: 1 for a failed one
	opened atomic.Int64  // how often it opened that was closed
	// How often a probe began, failed, succeeded.
	halfOpened, reopened, closed atomic.Int64
	// trips has a value after it has opened, until somebody looks.
	trips chan struct{}
}

func newBreaker(s observe.BreakerState) *breaker {
	b := &breaker{trips: make(chan struct{}, 1)}
	b.state.Store(int32(s))
	return b
}

func (b *breaker) current() observe.BreakerState { return observe.BreakerState(b.state.Load()) }

// succeeded notes a call. While all goes well it writes nothing.
func (b *breaker) succeeded() {
	for {
		recent := b.recent.Load()
		if recent == 0 || b.recent.CompareAndSwap(recent, recent<<1) {
			return
		}
	}
}

// failed notes a call, and reports whether that opened the breaker.
func (b *breaker) failed() bool {
	for {
		recent := b.recent.Load()
		noted := recent<<1 | 1
		if !b.recent.CompareAndSwap(recent, noted) {
			continue
		}
		return bits.OnesCount64(noted) >= maxFailures && b.trip()
	}
}

// trip opens the breaker, and reports whether it was closed.
func (b *breaker) trip() bool {
	if !b.state.CompareAndSwap(int32(observe.BreakerClosed), int32(observe.BreakerOpen)) {
		return false
	}
	b.opened.Add(1)
	b.wake()
	return true
}

// wake tells the link that a probe is due.
func (b *breaker) wake() {
	select {
	case b.trips <- struct{}{}:
	default: // the last one was not taken, because the link saw the trouble without it
	}
}

// probing and failedProbe say where a probe is; close ends the trouble.
func (b *breaker) probing() {
	b.halfOpened.Add(1)
	b.state.Store(int32(observe.BreakerHalfOpen))
}

func (b *breaker) failedProbe() {
	b.reopened.Add(1)
	b.state.Store(int32(observe.BreakerOpen))
}

func (b *breaker) close() {
	b.closed.Add(1)
	b.recent.Store(0)
	b.state.Store(int32(observe.BreakerClosed))
}
