package follow

import (
	"context"
	"errors"
	"fmt"
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
	cfg      Config

	position  position // by value, like the next: each hit of a cache asks
	freshness freshness
	buses     buses
	limit     logread.Limit // of the next page; only for the goroutine that reads, like what follows
	waiter    logread.Waiter
	waited    tenancy.Position // where it has waited last
	patience  atomic.Int64     // how long nothing may come while somebody waits for the log
	started   atomic.Bool      // the replay is finished
	ended     atomic.Uint64    // number of the last read to the end

	mu      sync.Mutex
	begun   uint64             // reads begun
	current *reading           // the read under way, if there is one
	next    *reading           // the one after it, if somebody waits for that
	rest    context.CancelFunc // ends the wait for the next read; nil while there is none
	roused  bool               // there is to be no wait
	lost    bool               // contact with the log; logged once
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
		limit: logread.Limit{Least: cfg.Timeout}, work: inflight.New(tenancy.ErrClosed),
	}
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
	Published    int64            // messages to buses
	Unpublished  int64            // failed messages to buses
	Received     int64            // messages from buses
	Resubscribed int64            // times that messages may have been lost
	LastReceived time.Time
}

// Stats returns the counts. They are read one by one, not as of one moment.
func (r *Reader) Stats() Stats {
	return Stats{
		Position: r.Position(), Serving: r.Serving(), Changes: r.changes.Load(),
		Compacted: r.compacted.Load(), Diverged: r.diverged.Load(), Unfollowed: r.unfollowed.Load(),
		LastContact: r.freshness.lastContact(),
		Published:   r.buses.published.Load(), Unpublished: r.buses.unpublished.Load(),
		Received: r.buses.messages.Load(), Resubscribed: r.buses.resubscribed.Load(),
		LastReceived: timeOf(r.buses.lastMessage.Load()),
	}
}

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
	default:
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

// read is read number n of the log, a page at a time. What a page brings counts at
// once: with much to read, the time between pages is the time without contact.
func (r *Reader) read(ctx context.Context, n uint64) error {
	if r.Position().IsZero() {
		if err := r.start(ctx); err != nil {
			return err
		}
	}
	for limit := tenancy.DefaultChangesLimit; ; limit = min(2*limit, tenancy.MaxChangesLimit) {
		after := r.Position()
		var changes []tenancy.Change
		err := r.timed(ctx, func(ctx context.Context) (err error) {
			changes, err = r.log.Changes(ctx, after, limit)
			return err
		})
		compacted := errors.Is(err, tenancy.ErrCompacted)
		if compacted {
			err = r.startOver(ctx, after)
		} else if err == nil {
			err = r.obey(changes)
		}
		if err != nil {
			return err
		}
		if compacted || len(changes) < limit {
			r.freshness.contact(n)
			r.ended.Store(n)
			r.started.Store(true)
			return nil
		}
		r.freshness.progress()
		r.noteContact(nil)
	}
}

// timed bounds a call of the log.
func (r *Reader) timed(ctx context.Context, call func(context.Context) error) error {
	defer r.noteLimit()
	return r.limit.Read(ctx, tenancy.ErrUnavailable, call)
}

func (r *Reader) noteLimit() { r.patience.Store(int64(2 * r.limit.Now())) }

// start finds the place from which to follow.
func (r *Reader) start(ctx context.Context) error {
	head, err := r.head(ctx)
	if err != nil {
		return err
	}
	from := head.Newest
	if r.cfg.Replay {
		from = head.Oldest
	}
	r.goOnFrom(from)
	return nil
}

func (r *Reader) head(ctx context.Context) (head tenancy.Bounds, err error) {
	err = r.timed(ctx, func(ctx context.Context) (err error) {
		head, err = r.log.Bounds(ctx)
		return err
	})
	return head, err
}

// startOver is what ErrCompacted asks for: the changes since after are gone, or
// never were in the history that the database has now.
func (r *Reader) startOver(ctx context.Context, after tenancy.Position) error {
	head, err := r.head(ctx)
	if err != nil {
		return err
	}
	if after.Revision < head.Oldest.Revision {
		r.compacted.Add(1)
		r.cfg.Logger.Warn("tenancy: the change log was trimmed before it could be followed; caches flushed",
			"after", after, "oldest", head.Oldest)
	} else {
		r.diverged.Add(1)
		r.cfg.Logger.Warn("tenancy: the change log has another history, as after a restored backup; caches flushed",
			"after", after, "newest", head.Newest)
	}
	r.goOnFrom(head.Newest)
	return nil
}

func (r *Reader) goOnFrom(p tenancy.Position) {
	r.position.startOver(p, func() { r.follower.StartOver(p) })
}

// obey has the follower obey changes that come right after the position.
func (r *Reader) obey(changes []tenancy.Change) error {
	live := r.started.Load()
	n := r.position.goOn(changes, func(c tenancy.Change) { r.follower.Obey(c, live) })
	r.changes.Add(int64(n))
	if live {
		for _, c := range changes[:n] {
			r.follower.Obeyed(c)
		}
	}
	if n < len(changes) {
		return fmt.Errorf("%w: the change log has a gap after revision %d", tenancy.ErrUnavailable, r.Position().Revision)
	}
	return nil
}

// noteContact logs when contact with the log is lost and when it is back.
func (r *Reader) noteContact(err error) {
	r.mu.Lock()
	changed := r.lost != (err != nil)
	if r.lost = err != nil; changed {
		r.follower.Contact(r.lost)
	}
	r.mu.Unlock()
	switch {
	case changed && err != nil:
		r.cfg.Logger.Warn("tenancy: the change log cannot be read; caches go on serving until MaxStale is over",
			"error", err, "max_stale", r.freshness.stale())
	case changed:
		r.cfg.Logger.Info("tenancy: the change log can be read again")
	}
}

// noteServing logs when nothing is served any more: MaxStale is over, or a write could
// not be followed. That it is served again is what a log that can be read again means.
func (r *Reader) noteServing() {
	idle := !r.Serving()
	r.mu.Lock()
	changed := idle && !r.idle && r.started.Load()
	r.idle = idle
	r.mu.Unlock()
	if changed {
		r.cfg.Logger.Warn("tenancy: caches serve nothing until the change log can be read")
	}
}
