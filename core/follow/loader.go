package follow

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Loader is a Follower that holds everything, and so reads the source before the position
// moves. Scan, Load and Publish are called by the one goroutine that reads the log; when Scan or
// Load fails, so does the read, which is tried again.
//
// What a Loader shows is as of one position. So what was read is published only when the
// log has come as far as all of it: until then the Loader is not whole, and shows what it
// showed before. It is served for the first time when all was scanned and the log was read to its
// end after that. It goes on being served while all is scanned again because the log was
// trimmed or reset, for no longer than without contact, until somebody was shown something
// newer; and not where the log has another history.
type Loader interface {
	Follower
	// Restore is called first, and once: a Loader that knows everything already, by a file
	// for example, returns as of which position, and until when that may be served before
	// the log was read. The zero Position says that it knows nothing. Scan is called all
	// the same, and may have nothing to do.
	Restore(ctx context.Context, r *Reader) (at tenancy.Position, until time.Time)
	// Scan reads the next part of everything that there is, and reports whether that was
	// the last. It begins from the start after StartOver and after a ChangeReset. What
	// changes while it goes on is loaded in between.
	Scan(ctx context.Context, r *Reader) (last bool, err error)
	// Load reads what changes have touched, which come right after the position: none of
	// it older than the last of them. ErrCompacted says that the source has less.
	Load(ctx context.Context, r *Reader, changes []tenancy.Change) error
	// Publish shows what was read, all at once: it is as of at now.
	Publish(at tenancy.Position)
	// Served is called when the Loader begins to be served, after Restore, and at each end
	// of the log from which on it is.
	Served()
}

// Saw is called by Scan and Load with the position of a tenant that they have read, and
// with the position as of which there was none. What is newer than the log was followed
// must come up in it, or the Reader starts over: it was of a history that the database has
// lost.
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

// IsWhole reports whether a [Loader] shows everything as of the position.
func (r *Reader) IsWhole() bool { return r.whole.Load() }

// IsScanned reports whether a [Loader] has scanned everything: it is whole, or will be when
// the log has been read a little further.
func (r *Reader) IsScanned() bool { return r.scanned.Load() }

// Rescan has everything read again, and nothing served until then.
func (r *Reader) Rescan() {
	r.again.Store(true)
	r.freshness.distrust(r.Reads())
	r.rouse()
}

// settleReads is how many reads of the log are waited for until a Loader is whole.
const settleReads = 10

// Settle is called after somebody was shown that the log has come to the position. It
// waits until the Loader shows that too, or ends its service until it does.
func (r *Reader) Settle(ctx context.Context) error {
	for range settleReads {
		if r.IsWhole() || !r.Serving() {
			return nil
		}
		if !r.scanned.Load() { // which may take its time
			break
		}
		if err := r.ReadAfter(ctx, r.Reads()); err != nil {
			return err
		}
	}
	if !r.IsWhole() {
		r.freshness.distrust(r.Reads())
		r.rouse()
	}
	return nil
}

// scan goes on with the scan, if it is not finished.
func (r *Reader) scan(ctx context.Context) error {
	if r.again.Swap(false) {
		r.goOnFrom(r.Position())
	}
	if r.loader == nil || r.scanned.Load() {
		return nil
	}
	last, err := r.loader.Scan(ctx, r)
	r.scanned.Store(last && err == nil)
	return err
}

// load has the Loader load what changes have touched, and show it if that is possible.
// seen is how many positions were seen before the log was read, as far as now; end says
// whether that is its end.
func (r *Reader) load(ctx context.Context, changes []tenancy.Change, seen int, end bool) error {
	if r.loader == nil {
		return nil
	}
	at := r.Position()
	for _, c := range changes {
		if c.Position.Revision != at.Revision+1 {
			return gap(at)
		}
		if at = c.Position; c.Kind == tenancy.ChangeReset {
			r.whole.Store(false)
			r.scanned.Store(false)
		}
	}
	if err := r.loader.Load(ctx, r, changes); err != nil {
		return err
	}
	if err := r.confirm(changes, at, seen, end); err != nil {
		return err
	}
	if len(r.seen) > 0 || !r.scanned.Load() {
		r.whole.Store(false)
		return nil
	}
	if len(changes) > 0 || !r.IsWhole() {
		r.loader.Publish(at)
		r.whole.Store(true)
	}
	return nil
}

// confirm compares what was seen with changes, the last of which is at. It fails with
// ErrCompacted if one of the positions is not in the log.
func (r *Reader) confirm(changes []tenancy.Change, at tenancy.Position, seen int, end bool) error {
	ahead := r.seen[:0]
	for i, p := range r.seen {
		beyond := p.Revision > at.Revision
		switch {
		case beyond && (i >= seen || !end):
			ahead = append(ahead, p)
		case beyond, r.Check(p) == Denied, !r.holds(changes, p):
			return fmt.Errorf("%w: revision %d, which was read, is not in the change log", tenancy.ErrCompacted, p.Revision)
		}
	}
	r.seen = ahead
	return nil
}

// holds reports whether changes, which come right after the position, do not deny p.
func (r *Reader) holds(changes []tenancy.Change, p tenancy.Position) bool {
	i := p.Revision - r.Position().Revision - 1
	return i < 0 || changes[i].Position == p
}

func gap(after tenancy.Position) error {
	return fmt.Errorf("%w: the change log has a gap after revision %d", tenancy.ErrUnavailable, after.Revision)
}
