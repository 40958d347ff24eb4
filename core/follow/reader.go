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
	// StartOver is called before the Reader goes on from a position without knowing what
	// has changed up to there: at the start, and where the log was trimmed or has another
	// history. What was known before cannot be judged any more.
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

// Config is how a [Reader] reads.
type Config struct {
	// Replay has the log followed from its oldest position on, so that what was kept
	// before can be judged; else it is followed from its end.
	Replay bool
	// Timeout bounds the read of one page of the log; one that takes longer is an outage.
	// It is doubled for the next read then, up to eight times, so that a log that is only
	// slow is read all the same.
	Timeout time.Duration
	// Logger gets what operators should know, once for each change of state.
	Logger *slog.Logger
}

// Reader follows a change log, for everything in a process that must obey it: a stack
// of caches, a replica. It is the only one in the process that reads the log, and does so
// when the store's Wait says that there may be more, when a bus does, and when a caller
// must know that it was read: after a write, and before a value is believed that is newer
// than what was followed. Only its own goroutine reads, so that nobody waits for the log
// longer than their context allows.
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

// New returns a Reader of log for follower, whose StartOver is called later, when the log
// can be read. Close follows.
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
	r.noteLimit()
	r.work.Go(r.freshness.run)
	r.work.Go(r.run)
	return r
}

// Close ends the service of what is known, and waits for the goroutines, as long as
// patience. It returns how many go on all the same.
func (r *Reader) Close(patience time.Duration) int64 {
	r.work.End()
	left := r.work.Wait(patience)
	r.freshness.end()
	return left
}

// Join subscribes to a bus. It is left open.
func (r *Reader) Join(bus Bus) {
	r.buses.add(r.work.Context(), bus, func(p tenancy.Position) {
		if r.Check(p) != Confirmed {
			r.rouse()
		}
	})
}

// LimitStale has what is known served no longer without contact than for d, where the
// shortest of several counts; a negative one means for ever, 0 changes nothing.
func (r *Reader) LimitStale(d time.Duration) { r.freshness.limit(d) }

// Now returns the time by a coarse clock, in nanoseconds since New.
func (r *Reader) Now() int64 { return r.freshness.now.Load() }

// Serves reports whether what is known may be served at a time of that clock.
func (r *Reader) Serves(now int64) bool { return now < r.freshness.until.Load() }

// Serving reports whether what is known may be served: the log was read once, and has
// been read since within the limit of LimitStale and after each write.
func (r *Reader) Serving() bool { return r.freshness.serving() }

// Position returns how far the log was followed: the zero Position before the start.
func (r *Reader) Position() tenancy.Position { return r.position.at() }

// Oldest returns the revision from which on Check can judge.
func (r *Reader) Oldest() tenancy.Revision { return r.position.oldest() }

// Check judges a position by what was followed so far.
func (r *Reader) Check(p tenancy.Position) Verdict { return r.position.check(p) }

// Growth returns a channel that is closed when the position moves.
func (r *Reader) Growth() <-chan struct{} { return r.position.growth() }

// Hold calls f with the position, which does not move meanwhile. It must not block, nor
// call the Reader.
func (r *Reader) Hold(f func(at tenancy.Position)) { r.position.hold(f) }

// Reads returns how many reads of the log have begun, for ReadAfter.
func (r *Reader) Reads() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begun
}

// ReadAfter waits until the log was read to its end, by a read that began after so many.
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

// Follow waits until the log was read to its end, as it is at some moment after the call,
// and what it holds was obeyed. Callers that come while it is being read share the read
// after that.
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

// Accept follows the log to p, if it is not there yet, and says whether p lies in its
// history: Confirmed, Denied or Unknown. It fails if the log cannot be read.
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

// pastEnd is how long a write waits for the log when its caller's context has ended.
const pastEnd = 250 * time.Millisecond

// Wrote is called after a write was tried, perhaps without success, for the change may
// have been committed all the same. It follows the log, so that this process reads what
// it wrote, and tells the others: at once if the position of the newest change is known,
// else when the log was read. It waits for as long as pages of the log come within the
// time that they have, and for a moment when ctx has ended. If the log cannot be read, it
// fails, and nothing is served until it was.
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

// Shows reports whether the log, which was read, holds what was written after it had
// been followed to the position before.
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
	Serving      bool             // what is known may be served
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
