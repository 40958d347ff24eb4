package follow

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/internal/inflight"
	"github.com/go-tenancy/tenantstore/core/internal/logread"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Follower is what a [Reader] reads the log for. StartOver and Obey are called while the
// position does not move; they must not block, nor call the Reader.
type Follower interface {
	// StartOver is called before the Reader continues from a position without knowing what
	// has changed before it: at the start, and if the log was trimmed or has another
	// history. Older data can no longer be judged.
	StartOver(at tenancy.Position)
	// Obey is called for each change in commit order, before the position moves past it.
	// The replay at the start is not live.
	Obey(c tenancy.Change, live bool)
	// Obeyed is called for each live change after the position has moved past it, before
	// more is read.
	Obeyed(c tenancy.Change)
	// Contact is called when contact with the log is lost, and when it is back.
	Contact(lost bool)
}

// Config configures a [Reader].
type Config struct {
	// Replay makes the Reader follow the log from its oldest position, so that older data
	// can be judged. Otherwise it follows from the end.
	Replay bool
	// Timeout bounds the read of one page of the log. A read that takes longer counts as an
	// outage and doubles the limit for the next one, up to eight times Timeout, so that a
	// log that is merely slow can be read.
	Timeout time.Duration
	// Logger gets one line for each change of state that operators should know of.
	Logger *slog.Logger
}

// Reader follows a change log for a stack of caches or a replica. It reads the log when the
// store's Wait returns, when a bus wakes it, and when a caller needs it read: after a
// write, and before a value newer than the position is served. Only its own goroutine
// reads, so that no caller waits longer than its context allows.
type Reader struct {
	log      tenancy.Log
	follower Follower
	loader   Loader // the follower, if it is one
	cfg      Config

	position  position // by value, like the next: each hit of a cache asks
	freshness freshness
	buses     buses
	limit     logread.Limit // of the next page; only for the goroutine that reads, like what follows
	waiter    logread.Waiter
	waited    tenancy.Position   // where it has waited last
	seen      []tenancy.Position // by the loader, and not yet in the log
	restoring atomic.Bool        // the loader was not yet asked what it knows already, or has not answered
	scanned   atomic.Bool        // everything was, by the loader
	whole     atomic.Bool        // the loader shows everything as of the position; without one always
	again     atomic.Bool        // everything is to be scanned again
	scans     scans              // only for the goroutine that reads
	patience  atomic.Int64       // how long nothing may come while somebody waits for the log
	started   atomic.Bool        // the replay is finished
	ended     atomic.Uint64      // number of the last read to the end

	mu      sync.Mutex
	begun   uint64             // reads begun
	current *reading           // the read under way, if there is one
	next    *reading           // the one after it, if somebody waits for that
	rest    context.CancelFunc // ends the wait for the next read; nil while there is none
	roused  bool               // there is to be no wait
	lost    bool               // contact with the log; logged once
	failure error              // why, or nil
	idle    bool               // nothing is served; logged once

	changes, compacted, diverged, unfollowed atomic.Int64
	work                                     *inflight.Group // its goroutines
}

// maxPages is more than the times of pages that are waited for at once.
const maxPages = 16

// reading is a read of the log to its end.
type reading struct {
	done chan struct{} // closed when it is over
	err  error
}

func newReading() *reading { return &reading{done: make(chan struct{})} }

// New returns a Reader of log for follower, and starts it. Call Close when done.
func New(log tenancy.Log, follower Follower, cfg Config) *Reader {
	cfg.Timeout = min(cfg.Timeout, longest/maxPages)
	r := &Reader{
		log: log, follower: follower, cfg: cfg,
		position: position{grown: make(chan struct{})}, freshness: freshness{start: time.Now()},
		idle: true, limit: logread.Limit{Least: cfg.Timeout}, work: inflight.New(tenancy.ErrClosed),
	}
	r.loader, _ = follower.(Loader)
	r.whole.Store(r.loader == nil)
	r.restoring.Store(r.loader != nil)
	r.scans.took = maxScanSpread / scanSpread // nobody knows yet
	r.noteLimit()
	r.work.Go(r.freshness.run)
	r.work.Go(r.run)
	return r
}

// Close ends service from memory, and waits for the goroutines for at most patience. It
// returns how many are still running.
func (r *Reader) Close(patience time.Duration) int64 {
	r.work.End()
	left := r.work.Wait(patience)
	r.freshness.end()
	return left
}

// Join subscribes to a bus. Close does not close it.
func (r *Reader) Join(bus Bus) {
	r.buses.add(r.work.Context(), bus, func(p tenancy.Position) {
		if r.Check(p) != Confirmed {
			r.rouse()
		}
	})
}

// LimitStale limits service from memory without contact with the log to d. The shortest of
// several limits applies; a negative d means for ever, and 0 changes nothing.
func (r *Reader) LimitStale(d time.Duration) { r.freshness.limit(d) }

// Now returns the time by a coarse clock, in nanoseconds since New.
func (r *Reader) Now() int64 { return r.freshness.now.Load() }

// Serves reports whether data may be served from memory at now, a time returned by Now.
func (r *Reader) Serves(now int64) bool { return now < r.freshness.until.Load() }

// Serving reports whether data may be served from memory: the log has been read, within the
// limit of LimitStale and after each write.
func (r *Reader) Serving() bool { return r.freshness.serving() }

// Position returns how far the log was followed: the zero Position before the start.
func (r *Reader) Position() tenancy.Position { return r.position.at() }

// Oldest returns the oldest revision that Check can judge.
func (r *Reader) Oldest() tenancy.Revision { return r.position.oldest() }

// Check judges a position by the log as followed so far.
func (r *Reader) Check(p tenancy.Position) Verdict { return r.position.check(p) }

// Growth returns a channel that is closed when the position moves.
func (r *Reader) Growth() <-chan struct{} { return r.position.growth() }

// Hold calls f with the position, which does not move until f returns. f must not block,
// nor call the Reader.
func (r *Reader) Hold(f func(at tenancy.Position)) { r.position.hold(f) }

// Reads returns how many reads of the log have begun, for ReadAfter.
func (r *Reader) Reads() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begun
}

// ReadAfter waits until a read of the log, begun after that many others, has reached its
// end.
func (r *Reader) ReadAfter(ctx context.Context, reads uint64) error {
	if r.ended.Load() > reads {
		return nil
	}
	r.mu.Lock()
	current := r.current
	if r.begun <= reads {
		current = nil
	}
	r.mu.Unlock()
	if current == nil {
		current = r.request()
	}
	return r.wait(ctx, current, func() bool { return false })
}

// Follow waits until a read of the log that began after the call has reached the end, and
// its changes have been obeyed. Callers that arrive during a read share the next one.
func (r *Reader) Follow(ctx context.Context) error {
	return r.wait(ctx, r.request(), func() bool { return false })
}

// Ready waits until the replay is finished.
func (r *Reader) Ready(ctx context.Context) error {
	if r.started.Load() {
		return nil
	}
	return r.Follow(ctx)
}

// Accept follows the log to p if necessary, and reports whether p is in its history:
// Confirmed, Denied or Unknown. It fails if the log cannot be read.
func (r *Reader) Accept(ctx context.Context, p tenancy.Position) (Verdict, error) {
	if v := r.Check(p); v == Confirmed || v == Unknown {
		return v, nil
	}
	// Denied or ahead. Perhaps it is our own history that the database has lost:
	// a read finds out, and then starts over.
	if err := r.underway(p).reach(ctx); err != nil {
		return Denied, err
	}
	if v := r.Check(p); v != Ahead {
		return v, nil
	}
	return Denied, nil
}

// pastEnd is how long a write still waits for the log after its caller's context has ended.
const pastEnd = 250 * time.Millisecond

// Wrote must be called after each attempt to write, also a failed one, whose change may
// have been committed. It follows the log, so that this process reads its own write, and
// publishes to the buses: at once if the position of the newest change is known, otherwise
// after the log has been read. It waits as long as the pages of the log arrive in time, and
// for a quarter of a second after ctx has ended. If the log cannot be read, Wrote fails,
// and nothing is served until it has been.
func (r *Reader) Wrote(ctx context.Context, newest tenancy.Position) error {
	caller := ctx
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(caller, func() { time.AfterFunc(pastEnd, cancel) })()
	var err error
	if newest.IsZero() {
		err = r.Follow(ctx)
		r.buses.publish(ctx, r.cfg.Timeout, r.Position())
	} else {
		way := r.underway(newest)
		r.buses.publish(ctx, r.cfg.Timeout, newest) // others need not wait for this process
		err = way.reach(ctx)
	}
	if err == nil {
		err = r.Settle(ctx)
	}
	if err == nil {
		return nil
	}
	r.freshness.distrust(r.Reads())
	r.unfollowed.Add(1)
	r.noteContact(err)
	r.rouse()
	return err
}

// Shows reports whether the log, as followed, contains the positions written. before is the
// position to which it had been followed before the write.
func (r *Reader) Shows(before tenancy.Position, written []tenancy.Position) (shown bool) {
	p := &r.position
	p.mu.RLock()
	defer p.mu.RUnlock()
	grows := p.judge(before) == Confirmed // it is the log of then
	return !slices.ContainsFunc(written, func(w tenancy.Position) bool {
		v := p.judge(w)
		return v == Ahead || grows && w.Revision <= before.Revision || v == Denied && !p.unmarked(w)
	})
}

// Stats counts what a Reader did since New.
type Stats struct {
	Position     tenancy.Position // how far the log was followed
	Serving      bool             // data may be served from memory
	Changes      int64            // changes obeyed
	Compacted    int64            // times that it started over because the log was trimmed too early
	Diverged     int64            // times that it started over because the log had another history
	Unfollowed   int64            // writes after which the log could not be read
	LastContact  time.Time        // with the log
	Failure      error            // why there is none; nil if there is
	Published    int64            // messages to buses
	Unpublished  int64            // failed messages to buses
	Received     int64            // messages from buses
	Resubscribed int64            // times that messages may have been lost
	LastReceived time.Time
}

// Stats returns the counts. They are read one by one, not as of one moment.
func (r *Reader) Stats() Stats {
	r.mu.Lock()
	failure := r.failure
	r.mu.Unlock()
	return Stats{
		Position: r.Position(), Serving: r.Serving(), Changes: r.changes.Load(),
		Compacted: r.compacted.Load(), Diverged: r.diverged.Load(), Unfollowed: r.unfollowed.Load(),
		LastContact: r.freshness.lastContact(), Failure: failure,
		Published: r.buses.published.Load(), Unpublished: r.buses.unpublished.Load(),
		Received: r.buses.messages.Load(), Resubscribed: r.buses.resubscribed.Load(),
		LastReceived: timeOf(r.buses.lastMessage.Load()),
	}
}
