package follow

import (
	"cmp"
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// tick is the resolution of the clock that limits service from memory: reading the system's
// clock costs more than a hit of a cache.
const tick = 50 * time.Millisecond

// DefaultMaxStale is how long data is served from memory without contact with the log,
// unless LimitStale is called.
const DefaultMaxStale = 5 * time.Minute

// longest stands for every duration beyond it, which added to a time would lie in the
// past: some 70 years.
const longest = time.Duration(math.MaxInt64 / 4)

// freshness says until when data may be served from memory: until MaxStale after the last
// contact with the log, which is a read to its end.
type freshness struct {
	start time.Time
	now   atomic.Int64 // time of the last tick, in nanoseconds since the start
	until atomic.Int64 // 0 before the first contact, and while contact is distrusted
	last  atomic.Int64 // contact, in nanoseconds since 1970, 0 for none

	mu         sync.Mutex
	maxStale   time.Duration // the shortest that was set, or 0
	contactAt  int64         // from when it counts
	distrusted uint64        // only a read that begins after so many counts as contact
	early      bool          // what is served is served before the first contact
	over       bool
}

// run drives the clock until ctx ends.
func (f *freshness) run(ctx context.Context) {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		f.tick()
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

func (f *freshness) tick() { f.now.Store(int64(time.Since(f.start))) }

// serving reports whether data may be served from memory.
func (f *freshness) serving() bool { return f.now.Load() < f.until.Load() }

// limit has what is known served no longer without contact than for d.
func (f *freshness) limit(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d == 0 || f.maxStale != 0 && !shorter(d, f.maxStale) {
		return
	}
	f.maxStale = d
	if f.until.Load() != 0 && !f.early { // the first contact was before
		f.until.Store(f.staleUntil())
	}
}

// shorter compares two limits, where a negative one means for ever.
func shorter(a, b time.Duration) bool { return a >= 0 && (b < 0 || a < b) }

// servedUntil says until when what is known is served if there is no more contact, for the
// log of operators.
func (f *freshness) servedUntil() any {
	switch until := f.until.Load(); until {
	case 0:
		return "not served"
	case math.MaxInt64:
		return "for ever"
	default:
		return f.start.Add(time.Duration(until))
	}
}

// left returns for how long what is known is served if there is no more contact: 0 if there
// was none yet.
func (f *freshness) left() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.early {
		return 0
	}
	return max(0, time.Duration(f.until.Load()-f.now.Load()))
}

// staleUntil returns until when what is known is served if there is no more contact; the
// caller has mu.
func (f *freshness) staleUntil() int64 {
	d := cmp.Or(f.maxStale, DefaultMaxStale)
	if d < 0 {
		return math.MaxInt64
	}
	return f.contactAt + int64(min(d, longest))
}

// contact notes the end of read number n: what is known is served from now on, unless it
// was distrusted since the read began.
func (f *freshness) contact(n uint64) {
	f.last.Store(time.Now().UnixNano())
	f.note(func() bool { return n > f.distrusted })
}

// serveUntil begins the service before the first contact, in read number n, and ends it
// at t, unless what is known was distrusted since the read began.
func (f *freshness) serveUntil(n uint64, t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over || n <= f.distrusted {
		return
	}
	f.early = true
	f.tick()
	f.until.Store(f.now.Load() + int64(min(time.Until(t), longest)))
}

// suspend ends the service until contact, or until resume is called, if what is known is
// not distrusted meanwhile.
func (f *freshness) suspend() (resume func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	until, distrusted := f.until.Swap(0), f.distrusted
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if !f.over && f.distrusted == distrusted {
			f.until.Store(until)
		}
	}
}

// progress notes a part of a read that is not the last: what is served goes on being
// served.
func (f *freshness) progress() { f.note(f.serving) }

func (f *freshness) note(serve func() bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over || !serve() {
		return
	}
	f.tick()
	f.contactAt, f.early = f.now.Load(), false
	f.until.Store(f.staleUntil())
}

// distrust ends the service until a read has ended that begins after so many.
func (f *freshness) distrust(begun uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.distrusted = begun
	f.until.Store(0)
}

// end ends the service for ever: without the clock, what is known would be served as
// long.
func (f *freshness) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
	f.until.Store(0)
}

// lastContact returns when there was contact, or the zero time.
func (f *freshness) lastContact() time.Time { return timeOf(f.last.Load()) }

func timeOf(nanoseconds int64) time.Time {
	if nanoseconds == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanoseconds)
}
