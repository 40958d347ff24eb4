package follow

import (
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func at(revision tenancy.Revision, mark int64) tenancy.Position {
	return tenancy.Position{Revision: revision, Mark: mark}
}

func changesFrom(first, last tenancy.Revision) (changes []tenancy.Change) {
	for r := first; r <= last; r++ {
		changes = append(changes, tenancy.Change{Position: at(r, int64(r))})
	}
	return changes
}

func TestPositionJudges(t *testing.T) {
	p := &position{grown: make(chan struct{})}
	if got := p.check(at(1, 1)); got != Ahead || !p.at().IsZero() || p.oldest() != 0 {
		t.Errorf("before the start: %v at %v", got, p.at())
	}
	p.startOver(at(5, 5), func() {})
	p.goOn(changesFrom(6, 9), func(tenancy.Change) {})
	for position, want := range map[tenancy.Position]Verdict{
		at(4, 4): Unknown, at(5, 5): Confirmed, at(7, 7): Confirmed, at(9, 9): Confirmed, at(10, 10): Ahead,
		at(5, 6): Denied, at(9, 8): Denied, at(7, 0): Denied,
	} {
		if got := p.check(position); got != want {
			t.Errorf("%v: %v, want %v", position, got, want)
		}
	}
	p.startOver(at(7, 70), func() {}) // another history
	if p.check(at(7, 7)) != Denied || p.check(at(7, 70)) != Confirmed || p.check(at(6, 6)) != Unknown || p.check(at(9, 9)) != Ahead {
		t.Error("marks of a lost history count")
	}
}

// A change is obeyed before the position moves past it, and none after a gap.
func TestPositionGoesOn(t *testing.T) {
	p := &position{grown: make(chan struct{})}
	p.startOver(at(5, 5), func() {
		if len(p.marks) != 0 {
			t.Error("moved before the start was told")
		}
	})
	grown := p.growth()
	obeyed := tenancy.Revision(5)
	n := p.goOn(append(changesFrom(6, 8), changesFrom(10, 11)...), func(c tenancy.Change) {
		if p.newest().Revision != obeyed || c.Position.Revision != obeyed+1 {
			t.Errorf("at %v with %v", p.newest(), c.Position)
		}
		obeyed++
	})
	if n != 3 || p.at() != at(8, 8) {
		t.Errorf("%d changes obeyed, at %v", n, p.at())
	}
	select {
	case <-grown:
	default:
		t.Error("who waits for the position was not woken")
	}
	select {
	case <-p.growth():
		t.Error("woken without a reason")
	default:
	}
	if n := p.goOn(changesFrom(8, 8), func(tenancy.Change) { t.Error("a change is obeyed twice") }); n != 0 {
		t.Error("a change that was obeyed counts")
	}
}

// Marks are kept for the newest 131,072 changes at least, and twice as many at most.
func TestPositionForgets(t *testing.T) {
	p := &position{grown: make(chan struct{})}
	p.startOver(at(1, 1), func() {})
	const newest = 5*maxMarks + 17
	p.goOn(changesFrom(2, newest), func(tenancy.Change) {})
	if len(p.marks) > 2*maxMarks || p.at() != at(newest, newest) {
		t.Errorf("%d marks, at %v", len(p.marks), p.at())
	}
	if p.check(at(newest-maxMarks+1, newest-maxMarks+1)) != Confirmed || p.check(at(1, 1)) != Unknown {
		t.Error("the newest marks are forgotten, or the oldest kept")
	}
}
