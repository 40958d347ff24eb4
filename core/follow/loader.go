package follow

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Loader is a Follower that holds everything, and so reads the source before the position
// moves. The methods of this interface are called by the one goroutine that reads the log; when one
// fails, so does the read, which is tried again. They report through [Reader.Saw] what
// they have read.
//
// A Loader is whole when all was scanned and the log was read to its end after that. Only then is
// it served for the first time. It goes on being served while it is not whole because the
// log was trimmed or reset, for no longer than without contact, and not at all after a
// write or where the log has another history.
type Loader interface {
	Follower
	// Restore is called first, and once: a Loader that knows everything already, by a file
	// for example, returns as of which position, and until when that may be served before
	// the log was read. The zero Position says that it knows nothing. Scan is called all
	// the same, and may have nothing to do.
	Restore(ctx context.Context, r *Reader) (at tenancy.Position, until time.Time)
	// Scan reads the next part of everything that there is, and reports whether that was the
	// last. It begins from the start after StartOver and after a ChangeReset. What
	// changes while it goes on is loaded in between.
	Scan(ctx context.Context, r *Reader) (last bool, err error)
	// Load reads what changes have touched, which come right after the position: none of
	// it older than the last of them. ErrCompacted says that the source has less.
	Load(ctx context.Context, r *Reader, changes []tenancy.Change) error
	// Whole is called when the Loader is, before it is served.
	Whole()
	// Served is called at each end of the log from which on the Loader is served.
	Served()
}

// Saw is called by a Loader that has read something as of p. If that is newer than what
// was followed, it must come up in the log, or the Reader starts over: what was read was
// then of a history that the database has lost.
func (r *Reader) Saw(p tenancy.Position) {
	if p.Revision > r.Position().Revision && !slices.Contains(r.seen, p) {
		r.seen = append(r.seen, p)
	}
}

// Restoring reports whether the Loader is still busy with Restore. If so, what it restores
// is not served before the log was read: the caller has an answer of the source, which may be
// newer.
func (r *Reader) Restoring() bool {
	if !r.restoring.Load() {
		return false
	}
	r.freshness.distrust(r.Reads())
	return true
}

// IsWhole reports whether a [Loader] is whole.
func (r *Reader) IsWhole() bool { return r.whole.Load() }

// Rescan has everything read again, and nothing served until then.
func (r *Reader) Rescan() {
	r.again.Store(true)
	r.freshness.distrust(r.Reads())
	r.rouse()
}

// scan goes on with the scan, if it is not finished.
func (r *Reader) scan(ctx context.Context) error {
	if r.again.Swap(false) {
		r.goOnFrom(r.Position())
	}
	if r.loader == nil || r.scanned {
		return nil
	}
	last, err := r.loader.Scan(ctx, r)
	r.scanned = last && err == nil
	return err
}

// load has the Loader load what changes have touched.
func (r *Reader) load(ctx context.Context, changes []tenancy.Change) error {
	if r.loader == nil {
		return nil
	}
	if slices.ContainsFunc(changes, func(c tenancy.Change) bool { return c.Kind == tenancy.ChangeReset }) {
		r.whole.Store(false)
		r.scanned = false
	}
	return r.loader.Load(ctx, r, changes)
}

// confirm fails with ErrCompacted if one of the first n positions that were seen, before
// the log was read as far as now, is not in its history. Where that was its end, they have come up.
func (r *Reader) confirm(n int, end bool) error {
	ahead := r.seen[:0]
	for i, p := range r.seen {
		switch v := r.Check(p); {
		case v == Denied, v == Ahead && end && i < n:
			return fmt.Errorf("%w: revision %d, which was read, is not in the change log", tenancy.ErrCompacted, p.Revision)
		case v == Ahead:
			ahead = append(ahead, p)
		}
	}
	r.seen = ahead
	return nil
}
