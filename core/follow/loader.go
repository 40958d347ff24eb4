package follow

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Loader is a Follower that holds all tenants, and so reads the source before the position
// moves. The goroutine that reads the log calls Scan, Load and Publish; if Scan or Load
// fails, so does the read, which is retried.
//
// A Loader shows its data as of one position. What was read is published only when the log
// has reached the position of all of it; until then the Loader is not whole, and shows what
// it showed before. It is first served when everything has been scanned and the log has
// then been read to its end. If everything is scanned again because the log was trimmed or
// reset, it is still served, for as long as without contact, until a caller has been shown
// something newer; the scan begins at a random time then, so that the processes of a fleet
// do not all scan at once. If the log has another history, it is not served until the scan
// is finished.
type Loader interface {
	Follower
	// Restore is called once, before the others. A Loader that has all tenants already, for
	// example from a file, returns their position, and until when they may be served before
	// the log has been read. The zero Position says that it has none. Scan is called in any
	// case, and may have nothing to do.
	Restore(ctx context.Context, r *Reader) (at tenancy.Position, until time.Time)
	// Distrusted is called before StartOver if what was read up to then may be wrong, and not
	// only outdated: the log has another history, or Rescan was called.
	Distrusted()
	// Scan reads the next part of all tenants, and reports whether it was the last. It
	// begins again after StartOver and after a ChangeReset. Changes during the scan are
	// loaded in between.
	Scan(ctx context.Context, r *Reader) (last bool, err error)
	// Load reads the tenants that changes have touched, none of them older than the last of
	// the changes, which follow directly after the position. ErrCompacted says that the
	// source does not reach that far.
	Load(ctx context.Context, r *Reader, changes []tenancy.Change) error
	// Publish shows everything that was read, all at once, as of at.
	Publish(at tenancy.Position)
	// Served is called after Restore if the Loader is served then, and after each read to
	// the end of the log after which it is.
	Served()
}

// Saw is called by Scan and Load with the position of each tenant that they have read, and
// with the position as of which a tenant did not exist. A position ahead of the log must
// appear in it later; otherwise it belongs to a history that the database has lost, and the
// Reader starts over.
func (r *Reader) Saw(p tenancy.Position) {
	if p.Revision > r.Position().Revision && !slices.Contains(r.seen, p) {
		r.seen = append(r.seen, p)
	}
}

// Restoring reports whether Restore is still running. If it is, the restored data is not
// served before the log has been read, since the caller has an answer of the source that
// may be newer.
func (r *Reader) Restoring() bool {
	if !r.restoring.Load() {
		return false
	}
	r.freshness.distrust(1) // the read that restores, also if it has not begun yet
	return true
}

// IsWhole reports whether a [Loader] shows everything as of the position.
func (r *Reader) IsWhole() bool { return r.whole.Load() }

// IsScanned reports whether a [Loader] has scanned everything. It is whole then, or will be
// when the log has been read a little further.
func (r *Reader) IsScanned() bool { return r.scanned.Load() }

// Rescan ends service from memory until everything has been read again.
func (r *Reader) Rescan() {
	r.again.Store(true)
	r.freshness.distrust(r.Reads())
	r.rouse()
}

// settleReads is how many reads of the log Settle waits for.
const settleReads = 10

// Settle must be called after a caller has been shown something as new as the position. It
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

// scan continues the scan, if it is not finished.
func (r *Reader) scan(ctx context.Context) error {
	if r.again.Swap(false) {
		r.distrusted()
		r.goOnFrom(r.Position())
	}
	if r.loader == nil || r.scanned.Load() || r.isPutOff() {
		return nil
	}
	if !r.scans.running {
		r.scans.running, r.scans.began = true, time.Now()
	}
	last, err := r.loader.Scan(ctx, r)
	if last && err == nil {
		r.scanned.Store(true)
		r.scans.running, r.scans.took = false, time.Since(r.scans.began)
	}
	return err
}

// distrusted tells the Loader that what it has read may be wrong.
func (r *Reader) distrusted() {
	if r.loader != nil {
		r.loader.Distrusted()
	}
}

// scans says when the Loader scans.
type scans struct {
	running bool
	began   time.Time
	took    time.Duration // the last one
	next    time.Time     // not before that, while something is served
}

const (
	// scanSpread times what the last scan took is the time over which a fleet spreads the
	// next, so that about one process in scanSpread scans at a time.
	scanSpread = 16
	// maxScanSpread is the longest that a scan is put off.
	maxScanSpread = 10 * time.Second
)

// putOffScan puts the next scan off by a random time, while what is known is served.
func (r *Reader) putOffScan() {
	spread := min(scanSpread*r.scans.took, maxScanSpread, r.freshness.left()/4)
	r.scans.running, r.scans.next = false, time.Now().Add(rand.N(spread+1))
}

// isPutOff reports whether the next scan is not to begin yet.
func (r *Reader) isPutOff() bool {
	return !r.scans.running && time.Now().Before(r.scans.next) && r.Serving()
}

// load makes the Loader load the tenants that changes have touched, and publish them if
// possible. seen is how many positions were seen before the log was read, as far as now;
// end says whether that is its end.
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
			r.putOffScan()
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
