package memstore

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// changeLog is the log and what wakes its watchers. It is never empty. The
// backend's mutex guards it.
type changeLog struct {
	changes   []tenancy.Change // revisions without gaps
	retention int
	grown     chan struct{} // closed at the next append
}

func newChangeLog(retention int) changeLog {
	l := changeLog{retention: retention, grown: make(chan struct{})}
	l.append(tenancy.Change{Kind: tenancy.ChangeReset})
	return l
}

// append adds c at the next position, and returns that.
func (l *changeLog) append(c tenancy.Change) tenancy.Position {
	p := tenancy.Position{Revision: 1, Mark: 1 + rand.Int64N(math.MaxInt64)} // never 0
	if len(l.changes) > 0 {
		p.Revision = l.newest().Revision + 1
	}
	c.Position, c.At = p, driver.NormalizeTime(time.Now())
	l.changes = append(l.changes, c)
	if len(l.changes)-l.retention >= l.retention { // so that trimming costs nothing on average
		l.compact(p.Revision - tenancy.Revision(l.retention) + 1)
	}
	l.wake()
	return p
}

func (l *changeLog) wake() {
	close(l.grown)
	l.grown = make(chan struct{})
}

func (l *changeLog) newest() tenancy.Position { return l.changes[len(l.changes)-1].Position }

// retained returns the changes that retention has not cut off.
func (l *changeLog) retained() []tenancy.Change {
	return l.changes[max(0, len(l.changes)-l.retention):]
}

func (l *changeLog) head() tenancy.Bounds {
	return tenancy.Bounds{Oldest: l.retained()[0].Position, Newest: l.newest()}
}

// after returns at most limit changes after the position, or ErrCompacted.
func (l *changeLog) after(p tenancy.Position, limit int) ([]tenancy.Change, error) {
	changes := l.retained()
	i := p.Revision - changes[0].Position.Revision // where p should be
	beginning := p.IsZero() && i == -1
	if !beginning && (i < 0 || i >= tenancy.Revision(len(changes)) || changes[i].Position != p) {
		return nil, tenancy.ErrCompacted
	}
	rest := changes[i+1:]
	return cloneChanges(rest[:min(limit, len(rest))]), nil
}

// compact drops the changes before revision, but never the newest.
func (l *changeLog) compact(revision tenancy.Revision) {
	first := l.changes[0].Position.Revision
	n := max(revision, first) - first // which cannot overflow
	l.changes = slices.Clone(l.changes[min(n, tenancy.Revision(len(l.changes)-1)):])
}

func cloneChanges(changes []tenancy.Change) []tenancy.Change {
	out := slices.Clone(changes)
	for i := range out {
		out[i].Keys, out[i].Fields = slices.Clone(out[i].Keys), slices.Clone(out[i].Fields)
	}
	return out
}
