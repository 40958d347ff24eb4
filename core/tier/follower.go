package tier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// follower follows the change log for a whole stack of tiers. It owns the fence
// by which all of them judge their entries, so that there is one position in the
// stack and no tier lags behind another.
//
// It obeys what the source's Watch yields, and reads the log itself when something
// wakes it (a bus, the poll interval) and when a caller must know that the log was
// read: after a write, and before a value is accepted that is newer than what was
// followed.
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

	turn chan struct{} // held by the one who moves the position; guards seq and replay
	seq  uint64        // reads of the log so far

	begun atomic.Uint64 // reads begun

	replay   bool          // follow from the oldest retained position: see start
	started  atomic.Bool   // the replay is finished
	starting chan struct{} // closed then

	mu      sync.RWMutex // guards what follows, and the raising of floors
	placed  bool         // marks holds a position
	marks   marks
	obeying []func(tenancy.Change) // the shared caches of the stack
	buses   []Bus
	noting  []func(lost bool) // the tiers of the stack
	grown   chan struct{}     // closed when the position moves
	lost    bool              // contact with the log; logged once
	idle    bool              // nothing is served from a cache; logged once
	// maxStale is the shortest that a tier was given, or 0 if none was; contactAt, by
	// the coarse clock, is from when it counts.
	maxStale  time.Duration
	contactAt int64
	// Only a read that begins after so many counts as contact.
	distrust uint64

	stats     followerStats
	observers observers
	wake      chan struct{}
	ctx       context.Context // of its goroutines
	stop      context.CancelFunc
	done      sync.WaitGroup
}

func newFollower(log tenancy.Log, replay bool, cfg config) *follower {
	f := &follower{
		log: log, cfg: cfg, logger: cfg.logger, clock: newCoarseClock(), replay: replay,
		turn: make(chan struct{}, 1), starting: make(chan struct{}),
		grown: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	f.fence.Store(newFence(nil, 0))
	f.ctx, f.stop = context.WithCancel(context.Background())
	f.done.Go(func() { f.tick(f.ctx) })
	f.done.Go(func() { f.run(f.ctx) })
	f.done.Go(func() { f.watch(f.ctx) })
	return f
}

// attach adds what a tier of the stack brings.
func (f *follower) attach(obey func(tenancy.Change), bus Bus, noteContact func(lost bool)) {
	f.add(obey, bus, noteContact)
	if bus == nil {
		return
	}
	bus.Subscribe(f.ctx, func(p tenancy.Position) {
		f.stats.received(p)
		if !f.reached(p) {
			f.rouse()
		}
	})
}

func (f *follower) add(obey func(tenancy.Change), bus Bus, noteContact func(lost bool)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.noting = append(f.noting, noteContact)
	if f.lost {
		noteContact(true)
	}
	if obey != nil {
		f.obeying = append(f.obeying, obey)
	}
	if bus != nil {
		f.buses = append(f.buses, bus)
	}
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
// would be served for ever.
func (f *follower) close() {
	f.stop()
	f.done.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.serveUntil.Store(0)
}

// serving reports whether entries may be served at all.
func (f *follower) serving() bool { return f.clock.now.Load() < f.serveUntil.Load() }

// serves reports whether an entry of a local cache may be served. It was accepted
// under its fence, so its AsOf is not below the base of that one; what may have risen
// since is the floor of its stripe.
func (f *follower) serves(e *Entry, now int64) bool {
	return e.fence == f.fence.Load() && int64(e.Snapshot.AsOf.Revision) >= e.floor.Load() &&
		now < e.expires && now < f.serveUntil.Load()
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
		limited, cancel := context.WithTimeout(ctx, f.cfg.followTimeout)
		err := f.follow(limited)
		cancel()
		if ctx.Err() != nil { // closed, which is no trouble to log
			return
		}
		f.noteContact(err)
		f.noteServing()
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
		for _, note := range f.noting {
			note(f.lost)
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

// follow reads the log to its end, as it is at some moment after the call, and
// obeys what it finds. Callers that come while another one reads share the read
// after that.
func (f *follower) follow(ctx context.Context) error {
	asked := f.begun.Load()
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-f.turn }()
	if f.seq > asked { // read number seq succeeded and was begun after the call
		return nil
	}
	n := f.begun.Add(1)
	if err := f.read(ctx); err != nil {
		return err
	}
	f.seq = n
	f.stats.contact.Store(time.Now().UnixNano())
	f.contact(n)
	if !f.started.Swap(true) {
		close(f.starting)
	}
	return nil
}

// contact extends the time for which entries are served, unless a write since
// read n began could not be followed.
func (f *follower) contact(n uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n <= f.distrust || f.ctx.Err() != nil {
		return
	}
	f.clock.tick()
	f.contactAt = f.clock.now.Load()
	f.serveUntil.Store(f.staleUntil())
}

// read is one read of the log; the caller has the turn.
func (f *follower) read(ctx context.Context) error {
	f.mu.RLock()
	placed := f.placed
	f.mu.RUnlock()
	if !placed {
		if err := f.start(ctx); err != nil {
			return err
		}
	}
	for {
		after := f.position()
		changes, err := timed(ctx, readTimeout, errReadTimeout, func(ctx context.Context) ([]tenancy.Change, error) {
			return f.log.Changes(ctx, after, tenancy.MaxChangesLimit)
		})
		if errors.Is(err, tenancy.ErrCompacted) {
			return f.startOver(ctx, after)
		}
		if err != nil {
			return err
		}
		if err := f.obey(after, changes); err != nil {
			return err
		}
		if len(changes) < tenancy.MaxChangesLimit {
			return nil
		}
	}
}

// readTimeout bounds a call of the log. Whoever makes it has the turn, and a replay
// takes several.
const readTimeout = 10 * time.Second

var errReadTimeout = fmt.Errorf("%w: the change log did not answer within %v", tenancy.ErrUnavailable, readTimeout)

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
	head, err := timed(ctx, readTimeout, errReadTimeout, f.log.Head)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	from := head.Newest
	if f.replay {
		from = head.Oldest
	}
	f.begin(from)
	f.placed = true
	return nil
}

// startOver is what ErrCompacted asks for: the changes since after are gone, or
// never were in the history that the database has now. Nothing that was cached
// before can be judged any more.
func (f *follower) startOver(ctx context.Context, after tenancy.Position) error {
	head, err := timed(ctx, readTimeout, errReadTimeout, f.log.Head)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if after.Revision < head.Oldest.Revision {
		f.stats.compacted.Add(1)
		f.logger.Warn("tenancy: the change log was trimmed before it could be followed; caches flushed",
			"after", after, "oldest", head.Oldest)
	} else {
		f.stats.diverged.Add(1)
		f.logger.Warn("tenancy: the change log has another history, as after a restored backup; caches flushed",
			"after", after, "newest", head.Newest)
	}
	f.begin(head.Newest)
	return nil
}

// begin flushes and follows from p on. The caller holds f.mu.
func (f *follower) begin(p tenancy.Position) {
	f.marks = newMarks(p)
	f.fence.Store(newFence(f.fence.Load(), p.Revision))
	f.moved()
}

// moved wakes those who wait for the position. The caller holds f.mu.
func (f *follower) moved() {
	close(f.grown)
	f.grown = make(chan struct{})
}

// obey raises the floors of what the changes touch, and moves the position past
// each.
func (f *follower) obey(after tenancy.Position, changes []tenancy.Change) error {
	if len(changes) == 0 {
		return nil
	}
	if err := f.raise(after, changes); err != nil {
		return err
	}
	f.stats.changes.Add(int64(len(changes)))
	if f.started.Load() {
		for _, c := range changes { // without mu: an observer may ask for Stats
			f.observers.obeyed(c)
		}
	}
	return nil
}

func (f *follower) raise(after tenancy.Position, changes []tenancy.Change) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range changes {
		if c.Position.Revision != f.marks.newest().Revision+1 {
			return fmt.Errorf("%w: the change log has a gap after revision %d", tenancy.ErrUnavailable, after.Revision)
		}
		fence := f.fence.Load()
		if c.Op == tenancy.OpReset {
			f.fence.Store(fence.reset(c.Position.Revision))
		}
		for _, k := range c.Keys {
			fence.raise(k, c.Position.Revision)
		}
		f.marks.append(c.Position.Mark)
		if f.started.Load() { // floors are enough for what is replayed: others have applied it
			for _, obey := range f.obeying {
				obey(c)
			}
		}
	}
	f.moved()
	return nil
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
	if err := f.follow(ctx); err != nil {
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

// reached reports whether the log need not be read for news of p.
func (f *follower) reached(p tenancy.Position) bool {
	if p.Revision > 0 && p.Mark == 0 { // the sender had not read the log yet
		return f.position().Revision >= p.Revision
	}
	return !p.IsZero() && f.check(p) == confirmed
}

// ready waits until the replay is finished, and does it where nobody else does.
func (f *follower) ready(ctx context.Context) error {
	if f.started.Load() {
		return nil
	}
	return f.follow(ctx)
}

// afterWrite follows the log, so that the node of a writer reads what it wrote,
// and tells the other nodes: at once if the revision at of the change is known,
// else when the log was read.
func (f *follower) afterWrite(ctx context.Context, at tenancy.Revision) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.cfg.followTimeout)
	defer cancel()
	if at == 0 {
		f.followWrite(ctx)
		f.publish(ctx, f.position())
		return
	}
	var following sync.WaitGroup
	following.Go(func() { f.followWrite(ctx) })
	f.publish(ctx, tenancy.Position{Revision: at}) // here, where no other goroutine must get a processor first
	following.Wait()
}

// followWrite follows the log. If it cannot be read, nothing is served from a
// cache until it was, and loads that are under way are for nobody who comes
// later.
func (f *follower) followWrite(ctx context.Context) {
	err := f.follow(ctx)
	if err == nil {
		return
	}
	f.mu.Lock()
	f.distrust = f.begun.Load()
	f.serveUntil.Store(0)
	f.fence.Store(f.fence.Load().nextEpoch())
	f.mu.Unlock()
	f.stats.unfollowed.Add(1)
	f.noteContact(err)
	f.rouse()
}

func (f *follower) publish(ctx context.Context, p tenancy.Position) {
	f.mu.RLock()
	buses := f.buses
	f.mu.RUnlock()
	for _, bus := range buses {
		if err := bus.Publish(ctx, p); err != nil {
			f.stats.unpublished.Add(1)
		} else {
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
