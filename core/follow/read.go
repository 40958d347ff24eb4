package follow

import (
	"context"
	"errors"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// read is read number n of the log, a page at a time. What a page brings counts at
// once: with much to read, the time between pages is the time without contact.
func (r *Reader) read(ctx context.Context, n uint64) error {
	if r.Position().IsZero() {
		if err := r.start(ctx, n); err != nil {
			return err
		}
	}
	if err := r.scan(ctx); err != nil {
		return err
	}
	for limit := tenancy.DefaultChangesLimit; ; limit = min(2*limit, tenancy.MaxChangesLimit) {
		after, seen := r.Position(), len(r.seen)
		var changes []tenancy.Change
		err := r.timed(ctx, func(ctx context.Context) (err error) {
			changes, err = r.log.Changes(ctx, after, limit)
			return err
		})
		end := len(changes) < limit
		if err == nil {
			err = r.load(ctx, changes, seen, end)
		}
		if err == nil {
			err = r.obey(changes)
		}
		if errors.Is(err, tenancy.ErrCompacted) {
			err, end = r.startOver(ctx, after), true
		}
		if err != nil {
			return err
		}
		if end {
			r.noteEnd(n)
			return nil
		}
		if r.IsWhole() {
			r.freshness.progress()
		}
		r.noteContact(nil)
	}
}

// noteEnd notes that read number n has come to the end of the log. That is contact, if
// nothing else is to be read.
func (r *Reader) noteEnd(n uint64) {
	if r.IsWhole() {
		r.freshness.contact(n)
	}
	r.ended.Store(n)
	r.started.Store(true)
	if r.loader != nil && r.Serving() {
		r.loader.Served()
	}
}

// timed bounds a call of the log.
func (r *Reader) timed(ctx context.Context, call func(context.Context) error) error {
	defer r.noteLimit()
	return r.limit.Read(ctx, tenancy.ErrUnavailable, call)
}

func (r *Reader) noteLimit() { r.patience.Store(int64(2 * r.limit.Now())) }

// start finds the place from which to follow.
func (r *Reader) start(ctx context.Context, n uint64) error {
	if r.restoring.Load() {
		at, until := r.loader.Restore(ctx, r)
		r.restoring.Store(false)
		if !at.IsZero() {
			r.position.startOver(at, func() {})
			if r.freshness.serveUntil(n, until); r.Serving() {
				r.loader.Served()
			}
			return nil
		}
	}
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
	resume := func() {}
	if r.loader != nil { // which still serves what may be of another history
		resume = r.freshness.suspend()
	}
	head, err := r.head(ctx)
	if err != nil {
		return err
	}
	if after.Revision < head.Oldest.Revision {
		r.compacted.Add(1)
		r.cfg.Logger.Warn("tenancy: the change log was trimmed before it could be followed; tenants are read again",
			"after", after, "oldest", head.Oldest)
		resume()
	} else {
		r.diverged.Add(1)
		r.cfg.Logger.Warn("tenancy: the change log has another history, as after a restored backup; what was read before is not served any more",
			"after", after, "newest", head.Newest)
		r.distrusted()
	}
	r.goOnFrom(head.Newest)
	r.putOffScan()
	return nil
}

func (r *Reader) goOnFrom(p tenancy.Position) {
	r.seen = nil
	r.scanned.Store(false)
	r.whole.Store(r.loader == nil)
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
		return gap(r.Position())
	}
	return nil
}

// noteContact logs when contact with the log is lost and when it is back.
func (r *Reader) noteContact(err error) {
	r.mu.Lock()
	changed := r.lost != (err != nil)
	r.failure = err
	if r.lost = err != nil; changed {
		r.follower.Contact(r.lost)
	}
	r.mu.Unlock()
	switch {
	case changed && err != nil:
		r.cfg.Logger.Warn("tenancy: the change log cannot be followed", "error", err, "served_until", r.freshness.servedUntil())
	case changed:
		r.cfg.Logger.Info("tenancy: the change log can be followed again")
	}
}

// noteServing logs when nothing is served any more: MaxStale is over, or a write could
// not be followed. That it is served again is what a log that can be followed again means.
func (r *Reader) noteServing() {
	idle := !r.Serving()
	r.mu.Lock()
	changed := idle && !r.idle
	r.idle = idle
	r.mu.Unlock()
	if changed {
		r.cfg.Logger.Warn("tenancy: reads go to the source until the change log has been followed to its end")
	}
}
