package follow

import (
	"sync"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Verdict is the result of judging a position.
type Verdict int

// The verdicts.
const (
	Confirmed Verdict = iota // in the history that was followed
	Denied                   // not in that history
	Unknown                  // older than the marks that are kept
	Ahead                    // newer than the log as followed
)

const maxMarks = 1 << 17

// position is how far the log was followed. It remembers the mark of each change on the
// way, 8 bytes each, so that other positions can be judged without a read: those of the
// newest maxMarks to 2*maxMarks changes.
type position struct {
	mu    sync.RWMutex
	first tenancy.Revision // of which marks[0] is the mark
	marks []int64          // empty before the start
	grown chan struct{}    // closed when the position moves; never nil
}

// at returns the position: the zero Position before the start.
func (p *position) at() tenancy.Position {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.newest()
}

func (p *position) newest() tenancy.Position {
	last := len(p.marks) - 1
	if last < 0 {
		return tenancy.Position{}
	}
	return tenancy.Position{Revision: p.first + tenancy.Revision(last), Mark: p.marks[last]}
}

// oldest returns the revision from which on positions can be judged.
func (p *position) oldest() tenancy.Revision {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.first
}

// growth returns a channel that is closed when the position moves.
func (p *position) growth() <-chan struct{} {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.grown
}

// check judges a position.
func (p *position) check(other tenancy.Position) Verdict {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.judge(other)
}

func (p *position) judge(other tenancy.Position) Verdict {
	switch i := other.Revision - p.first; {
	case len(p.marks) == 0:
		return Ahead
	case i < 0:
		return Unknown
	case i >= tenancy.Revision(len(p.marks)):
		return Ahead
	case p.marks[i] != other.Mark:
		return Denied
	}
	return Confirmed
}

// unmarked reports whether other, which is denied, or the log at that revision has no
// mark, of a store that knows revisions alone.
func (p *position) unmarked(other tenancy.Position) bool {
	return other.Mark == 0 || p.marks[other.Revision-p.first] == 0
}

// hold calls f while the position does not move.
func (p *position) hold(f func(at tenancy.Position)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p.newest())
}

// startOver calls f, and moves the position to another history, or from where nothing
// in between is known.
func (p *position) startOver(at tenancy.Position, f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	p.first, p.marks = at.Revision, []int64{at.Mark}
	p.moved()
}

// goOn calls f for each of the changes, and then moves the position past it. It returns
// how many these are: all before the first that does not come right after the one before.
func (p *position) goOn(changes []tenancy.Change, f func(tenancy.Change)) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(changes) == 0 {
		return 0
	}
	defer p.moved()
	for i, c := range changes {
		if c.Position.Revision != p.newest().Revision+1 {
			return i
		}
		f(c)
		if len(p.marks) == 2*maxMarks {
			p.first += maxMarks
			p.marks = append(make([]int64, 0, 2*maxMarks), p.marks[maxMarks:]...)
		}
		p.marks = append(p.marks, c.Position.Mark)
	}
	return len(changes)
}

// moved wakes those who wait for the position. The caller holds mu.
func (p *position) moved() {
	close(p.grown)
	p.grown = make(chan struct{})
}
