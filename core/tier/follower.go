package tier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/internal/inflight"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// follower follows the change log for a whole stack of tiers. It owns the fence
// by which all of them judge their entries, so that there is one position in the
// stack and no tier lags behind another.
//
// It obeys what the source's Watch yields, and reads the log itself when something
// wakes it (a bus, the poll interval) and when a caller must know that the log was
// read: after a write, and before a value is accepted that is newer than what was
// followed. Only its own goroutine reads, so that nobody waits for the log longer
// than their context allows.
type follower struct {
	log    tenancy.Log
	cfg    config
	logger *slog.Logger
	clock  *coarseClock

	fence atomic.Pointer[fence]
	// serveUntil is until when entries are served, by the coarse clock: the last
	// contact with the log plus MaxStale. 0 before the replay is finished, and
	// after a write that the log could not be followed for.
	serveUntil atomic.Int64

	replay   bool          // follow from the oldest retained position: see start
	started  atomic.Bool   // the replay is finished
	starting chan struct{} // closed then

	obeying sync.Mutex // held by whoever obeys changes, until observers have been told

	mu     sync.RWMutex // guards what follows, and the raising of floors
	placed bool         // marks holds a position
	marks  marks
	tiers  []*Store      // of the stack
	grown  chan struct{} // closed when the position moves
	begun  uint64        // reads begun
	next   *reading      // the read after those, if somebody waits for it
	lost   bool          // contact with the log; logged once
	idle   bool          // nothing is served from a cache; logged once
	// maxStale is the shortest that a tier was given, or 0 if none was; contactAt, by
	// the coarse clock, is from when it counts.
	maxStale  time.Duration
	contactAt int64
	// Only a read that begins after so many counts as contact.
	distrust uint64

	stats     followerStats
	observers observers
	wake      chan struct{}
	work      *inflight.Group // its goroutines
}

// reading is a read of the log to its end.
type reading struct {
	done chan struct{} // closed when it is over
	err  error
}

func newFollower(log tenancy.Log, replay bool, cfg config) *follower {
	f := &follower{
		log: log, cfg: cfg, logger: cfg.logger, clock: newCoarseClock(), replay: replay,
		starting: make(chan struct{}), grown: make(chan struct{}), wake: make(chan struct{}, 1),
		work: inflight.New(tenancy.ErrClosed),
	}
	f.fence.Store(newFence(nil, 0, minBuckets))
	f.work.Go(f.tick)
	f.work.Go(f.run)
	f.work.Go(f.watch)
	return f
}

// attach adds a tier of the stack.
func (f *follower) attach(s *Store) {
	f.mu.Lock()
	f.tiers = append(slices.Clip(f.tiers), s)
	if fence := f.fence.Load(); s.buckets() > fence.buckets() {
		f.fence.Store(fence.grown(s.buckets()))
	}
	if f.lost {
		s.noteContact(true)
	}
	f.mu.Unlock()
	if s.cfg.bus == nil {
		return
	}
	s.cfg.bus.Subscribe(f.work.Context(), func(p tenancy.Position) {
		f.stats.received(p)
		if f.check(p) != confirmed {
			f.rouse()
		}
	})
}

// buckets returns how many the floors for this tier's cache take.
func (s *Store) buckets() int {
	if sized, ok := s.cache.(interface{ MaxEntries() int64 }); ok {
		return bucketsFor(sized.MaxEntries())
	}
	return defaultBuckets
}

// stack returns the tiers of the stack, innermost first.
func (f *follower) stack() []*Store {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.tiers
}

// limitStale has entries served no longer without contact than for d, if a tier was
// given that.
func (f *follower) limitStale(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d == 0 || f.maxStale != 0 && !shorter(d, f.maxStale) {
		return
	}
	f.maxStale = d
	if f.serveUntil.Load() != 0 { // the first contact was before this tier came
		f.serveUntil.Store(f.staleUntil())
	}
}

// shorter compares two of WithMaxStale, where a negative one means for ever.
func shorter(a, b time.Duration) bool { return a >= 0 && (b < 0 || a < b) }

// staleUntil returns until when entries are served if there is no more contact; the
// caller has mu.
func (f *follower) staleUntil() int64 {
	d := cmp.Or(f.maxStale, defaultMaxStale)
	if d < 0 {
		return math.MaxInt64
	}
	return f.contactAt + int64(min(d, longest))
}

// close ends the service of every tier of the stack: without the clock, their entries
// would be served for ever. It returns how much goes on all the same.
func (f *follower) close() int64 {
	f.work.End()
	left := f.work.Wait(closePatience)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.serveUntil.Store(0)
	return left
}

// serving reports whether entries may be served at all.
func (f *follower) serving() bool { return f.clock.now.Load() < f.serveUntil.Load() }

// serves reports whether an entry of a local cache may be served. It was accepted
// under its fence, so its AsOf is not below the base of that one; what may have risen
// since is its floor. Mostly no key of its bucket has changed.
func (f *follower) serves(e *Entry, now int64) bool {
	asOf := int64(e.Versioned.AsOf.Revision)
	return e.fence == f.fence.Load() && now < e.expires && now < f.serveUntil.Load() &&
		(asOf >= e.bucket.newest.Load() || asOf >= e.bucket.floor(e.tag))
}

// tick drives the coarse clock.
func (f *follower) tick(ctx context.Context) {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		f.clock.tick()
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// run reads the log whenever it is woken, and at every poll interval.
func (f *follower) run(ctx context.Context) {
	for ctx.Err() == nil {
		r, n := f.begin()
		r.err = f.read(ctx, n)
		if ctx.Err() == nil { // closed is no trouble to log
			f.noteContact(r.err)
			f.noteServing()
		}
		close(r.done)
		select {
		case <-ctx.Done():
		case <-f.wake:
		case <-time.After(jitter(f.cfg.pollInterval)):
		}
	}
}

// noteContact logs when contact with the log is lost and when it is back.
func (f *follower) noteContact(err error) {
	f.mu.Lock()
	changed := f.lost != (err != nil)
	f.lost = err != nil
	maxStale := cmp.Or(f.maxStale, defaultMaxStale)
	if changed {
		for _, s := range f.tiers {
			s.noteContact(f.lost)
		}
	}
	f.mu.Unlock()
	switch {
	case changed && err != nil:
		f.logger.Warn("tenancy: the change log cannot be read; caches go on serving until MaxStale is over",
			"error", err, "max_stale", maxStale)
	case changed:
		f.logger.Info("tenancy: the change log can be read again")
	}
}

// noteServing logs when caches stop serving: MaxStale is over, or a write could not
// be followed. That they serve again is what a log that can be read again means.
func (f *follower) noteServing() {
	idle := !f.serving()
	f.mu.Lock()
	changed := idle && !f.idle && f.started.Load()
	f.idle = idle
	f.mu.Unlock()
	if changed {
		f.logger.Warn("tenancy: caches serve nothing until the change log can be read")
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(jitter(d)):
		return true
	}
}

// rouse makes run read the log soon.
func (f *follower) rouse() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// position returns how far the log was followed: the zero Position before the
// start.
func (f *follower) position() tenancy.Position {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if !f.placed {
		return tenancy.Position{}
	}
	return f.marks.newest()
}

// oldest returns the revision from which on positions can be judged.
func (f *follower) oldest() tenancy.Revision {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.marks.first
}

// growth returns a channel that is closed when the position moves.
func (f *follower) growth() <-chan struct{} {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.grown
}

// follow waits until the log was read to its end, as it is at some moment after the
// call, and what it holds was obeyed. Callers that come while it is being read share
// the read after that.
func (f *follower) follow(ctx context.Context) error {
	return f.wait(ctx, f.request(), func() bool { return false })
}

// request has the log read, and returns the read, which begins after the call.
func (f *follower) request() *reading {
	f.mu.Lock()
	if f.next == nil {
		f.next = &reading{done: make(chan struct{})}
	}
	r := f.next
	f.mu.Unlock()
	f.rouse()
	return r
}

// begin returns the read that begins now, and its number.
func (f *follower) begin() (*reading, uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.next
	if f.next = nil; r == nil {
		r = &reading{done: make(chan struct{})}
	}
	f.begun++
	return r, f.begun
}

// wait waits for the end of r, or until enough was read, which it asks whenever the
// position has moved. It gives up when ctx ends, or when for the time of two pages, of
// this read and the one before it, nothing has come.
func (f *follower) wait(ctx context.Context, r *reading, enough func() bool) error {
	patience := 2 * min(f.cfg.followTimeout, longest)
	t := time.NewTimer(patience)
	defer t.Stop()
	for {
		grown := f.growth()
		if enough() {
			return nil
		}
		select {
		case <-r.done:
			return r.err
		case <-grown:
			t.Reset(patience)
		case <-t.C:
			return f.late()
		case <-ctx.Done():
			return ctx.Err()
		case <-f.work.Context().Done():
			return tenancy.ErrClosed
		}
	}
}

func (f *follower) late() error {
	return fmt.Errorf("%w: the change log did not answer within %v", tenancy.ErrUnavailable, f.cfg.followTimeout)
}

// read is read number n of the log, a page at a time. What a page brings counts at
// once: with much to read, the time between pages is the time without contact.
func (f *follower) read(ctx context.Context, n uint64) error {
	if f.position().IsZero() {
		if err := f.start(ctx); err != nil {
			return err
		}
	}
	for limit := tenancy.DefaultChangesLimit; ; limit = min(2*limit, tenancy.MaxChangesLimit) {
		after := f.position()
		changes, err := timed(ctx, f.cfg.followTimeout, f.late(), func(ctx context.Context) ([]tenancy.Change, error) {
			return f.log.Changes(ctx, after, limit)
		})
		compacted := errors.Is(err, tenancy.ErrCompacted)
		switch {
		case compacted:
			err = f.startOver(ctx, after)
		case err == nil:
			err = f.obey(after, changes)
		}
		switch {
		case errors.Is(err, errOutOfPlace): // Watch was faster: go on from there
			continue
		case err != nil:
			return err
		}
		if compacted || len(changes) < limit {
			f.contact(n)
			return nil
		}
		f.progress()
	}
}

// contact notes the end of read n. Entries are served from now on, unless a write since
// the read began could not be followed.
func (f *follower) contact(n uint64) {
	f.stats.contact.Store(time.Now().UnixNano())
	if f.work.Over() {
		return
	}
	f.mu.Lock()
	if n > f.distrust {
		f.served()
	}
	f.mu.Unlock()
	if !f.started.Swap(true) {
		close(f.starting)
	}
}

// progress notes a page that is not the last: entries that are served now go on being
// served.
func (f *follower) progress() {
	f.stats.contact.Store(time.Now().UnixNano())
	f.mu.Lock()
	if f.serving() {
		f.served()
	}
	f.mu.Unlock()
	f.noteContact(nil)
}

// served has MaxStale count from now; the caller has mu.
func (f *follower) served() {
	f.clock.tick()
	f.contactAt = f.clock.now.Load()
	f.serveUntil.Store(f.staleUntil())
}

// timed bounds a call that others may be waiting for: the end of ctx is the caller's
// own, and may never come. late is the error if d is over.
func timed[T any](ctx context.Context, d time.Duration, late error, call func(context.Context) (T, error)) (T, error) {
	limited, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	result, err := call(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		err = late
	}
	return result, err
}

// start finds the place from which to follow. If a cache of the stack outlives
// the process, that is the oldest retained position, so that its entries can be
// judged; else the newest will do.
func (f *follower) start(ctx context.Context) error {
	head, err := timed(ctx, f.cfg.followTimeout, f.late(), f.log.Bounds)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	from := head.Newest
	if f.replay {
		from = head.Oldest
	}
	f.goOnFrom(from)
	f.placed = true
	return nil
}

// startOver is what ErrCompacted asks for: the changes since after are gone, or
// never were in the history that the database has now. Nothing that was cached
// before can be judged any more.
func (f *follower) startOver(ctx context.Context, after tenancy.Position) error {
	head, err := timed(ctx, f.cfg.followTimeout, f.late(), f.log.Bounds)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.marks.newest() != after { // the head may be older than where it is
		return errOutOfPlace
	}
	if after.Revision < head.Oldest.Revision {
		f.stats.compacted.Add(1)
		f.logger.Warn("tenancy: the change log was trimmed before it could be followed; caches flushed",
			"after", after, "oldest", head.Oldest)
	} else {
		f.stats.diverged.Add(1)
		f.logger.Warn("tenancy: the change log has another history, as after a restored backup; caches flushed",
			"after", after, "newest", head.Newest)
	}
	f.goOnFrom(head.Newest)
	return nil
}

// goOnFrom flushes and follows from p on. The caller holds f.mu.
func (f *follower) goOnFrom(p tenancy.Position) {
	f.marks = newMarks(p)
	old := f.fence.Load()
	f.fence.Store(newFence(old, p.Revision, old.buckets()))
	f.moved()
}

// moved wakes those who wait for the position. The caller holds f.mu.
func (f *follower) moved() {
	close(f.grown)
	f.grown = make(chan struct{})
}

// errOutOfPlace: a change does not follow on the position. There may be others in
// between, or it is of another history, which a read finds out.
var errOutOfPlace = errors.New("out of place")

// obey raises the floors of what the changes touch, which the log holds right after the
// position after, and moves the position past each.
func (f *follower) obey(after tenancy.Position, changes []tenancy.Change) error {
	f.obeying.Lock() // observers have been told when whoever comes next goes on
	defer f.obeying.Unlock()
	obeyed, err := f.raise(after, changes)
	f.stats.changes.Add(int64(len(obeyed)))
	if f.started.Load() {
		for _, c := range obeyed { // without mu: an observer may ask for Stats
			f.observers.obeyed(c)
		}
	}
	return err
}

// raise returns the changes that were new. Those before them were obeyed already: what
// Watch yields and what is read overlap.
func (f *follower) raise(after tenancy.Position, changes []tenancy.Change) (obeyed []tenancy.Change, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(changes) > 0 && f.marks.check(changes[0].Position) == confirmed {
		after, changes = changes[0].Position, changes[1:]
	}
	if len(changes) == 0 {
		return nil, nil
	}
	if f.marks.newest() != after {
		return nil, errOutOfPlace
	}
	started := f.started.Load()
	for i, c := range changes {
		if c.Position.Revision != f.marks.newest().Revision+1 {
			err = fmt.Errorf("%w: the change log has a gap after revision %d", tenancy.ErrUnavailable, f.marks.newest().Revision)
			changes = changes[:i]
			break
		}
		fence := f.fence.Load()
		if c.Kind == tenancy.ChangeReset {
			f.fence.Store(fence.reset(c.Position.Revision))
		}
		for _, k := range c.Keys {
			fence.raise(k, c.Position.Revision)
		}
		f.marks.append(c.Position.Mark)
		if started { // floors are enough for what is replayed: others have applied it
			for _, s := range f.tiers {
				if s.applier != nil {
					s.applier.enqueue(c)
				}
			}
		}
	}
	f.moved()
	return changes, err
}

// accept follows the log to p, if it is not there yet, and says whether p lies
// in its history: confirmed, denied or unknown. It fails if the log cannot be
// read.
func (f *follower) accept(ctx context.Context, p tenancy.Position) (verdict, error) {
	if v := f.check(p); v == confirmed || v == unknown {
		return v, nil
	}
	// Denied or ahead. Perhaps it is our own history that the database has lost:
	// a read finds out, and then starts over.
	err := f.wait(ctx, f.request(), func() bool { return f.check(p) == confirmed })
	if err != nil {
		return denied, err
	}
	if v := f.check(p); v != ahead {
		return v, nil
	}
	return denied, nil
}

func (f *follower) check(p tenancy.Position) verdict {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if !f.placed {
		return ahead
	}
	return f.marks.check(p)
}

// ready waits until the replay is finished.
func (f *follower) ready(ctx context.Context) error {
	if f.started.Load() {
		return nil
	}
	return f.follow(ctx)
}

// pastEnd is how long a write waits for the log when its caller's context has ended.
const pastEnd = 250 * time.Millisecond

// afterWrite follows the log, so that the node of a writer reads what it wrote, and
// tells the other nodes: at once if the position of the newest change is known, else
// when the log was read. If the log cannot be read, nothing is served from a cache until
// it was, and loads that are under way are for nobody who comes later. It reports
// whether the log was read.
func (f *follower) afterWrite(ctx context.Context, newest tenancy.Position) bool {
	caller := ctx
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(caller, func() { time.AfterFunc(pastEnd, cancel) })()
	r := f.request()
	if !newest.IsZero() {
		f.publish(ctx, newest) // others need not wait for this node
	}
	err := f.wait(ctx, r, func() bool { return false })
	if err != nil {
		f.mu.Lock()
		f.distrust = f.begun
		f.serveUntil.Store(0)
		f.fence.Store(f.fence.Load().nextEpoch())
		f.mu.Unlock()
		f.stats.unfollowed.Add(1)
		f.noteContact(err)
		f.rouse()
	}
	if newest.IsZero() {
		f.publish(ctx, f.position())
	}
	return err == nil
}

// shows reports whether the log, which was read, holds what was written after it had
// been followed to the position before.
func (f *follower) shows(before tenancy.Position, written []tenancy.Position) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	grows := f.marks.check(before) == confirmed // it is the log of then
	return !slices.ContainsFunc(written, func(p tenancy.Position) bool {
		v := f.marks.check(p)
		return v == ahead || grows && p.Revision <= before.Revision || v == denied && !f.marks.unmarked(p)
	})
}

// unlogged empties the caches of the stack: the log will not say what in them is
// outdated.
func (f *follower) unlogged(ctx context.Context) {
	f.stats.unfollowed.Add(1)
	f.logger.Error("tenancy: the change log does not show a write; caches flushed", "error", errUnlogged)
	f.flush()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyTimeout)
	defer cancel()
	for _, s := range f.stack() {
		if !s.shared {
			continue
		}
		if _, err := s.cache.InvalidateAll(ctx); err != nil {
			s.stats.errors.Add(1)
		}
	}
	f.flush() // local ones were filled with it until then
}

func (f *follower) publish(ctx context.Context, p tenancy.Position) {
	ctx, cancel := context.WithTimeout(ctx, f.cfg.followTimeout)
	defer cancel()
	for _, s := range f.stack() {
		switch bus := s.cfg.bus; {
		case bus == nil:
		case bus.Publish(ctx, p) != nil:
			f.stats.unpublished.Add(1)
		default:
			f.stats.published.Add(1)
		}
	}
}

func (f *follower) flushOnRequest() {
	f.stats.flushed.Add(1)
	f.logger.Info("tenancy: caches flushed on request")
	f.flush()
}

// flush makes everything that local caches hold so far unservable, and what shared
// ones hold from before the newest change.
func (f *follower) flush() {
	f.mu.Lock()
	defer f.mu.Unlock()
	fence := f.fence.Load()
	if f.placed {
		f.fence.Store(fence.reset(f.marks.newest().Revision))
	} else {
		f.fence.Store(fence.nextEpoch())
	}
}
