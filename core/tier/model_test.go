package tier_test

import (
	"flag"
	"fmt"
	"testing"

	"github.com/go-tenancy/tenantstore/core/internal/model"
)

// This file explores a model of the protocol exhaustively: every order of steps,
// up to small bounds. One key, one process. Everything outside it is the
// adversary: other processes commit at any time (also writes whose call has
// returned long ago), the database is restored and goes on differently, the log
// is trimmed, the process restarts, and the shared cache returns any snapshot of
// any history that there ever was. That is more than leases, evictions,
// failovers, delayed or repeated messages and other processes can do, so they
// need no model of their own; a second process would only be one more writer of
// what the adversary may return anyway.
//
// A mark is modelled as the lineage of its row: 0 until the first restore, then 1,
// and so on.

var deep = flag.Bool("deep", false, "explore the model of the protocol with larger bounds (minutes)")

const (
	maxRevision = 3
	maxLineage  = 2
	maxReaders  = 2
)

// bounds of one exploration
type bounds struct {
	revisions, restores int8
	readers             int
	trims, restarts     bool
}

// at is a position, or a snapshot as of it: revision and lineage of that row.
type at struct{ r, l int8 }

var nothing = at{-1, 0}

// broken switches rules off.
type broken struct {
	noFloor       bool // a hit ignores its floor
	noMark        bool // a value's mark is not compared
	noOwnMark     bool // the follower's own position is not confirmed by the log
	noAccept      bool // a value is served before the log was followed to it
	oldFlight     bool // a flight begun before a flush serves those who come later
	oldFill       bool // and its value is kept
	noReaderFloor bool // a reader takes what an older flight brings
	noWriteFollow bool // a write does not follow the log
	noDistrust    bool // a write that cannot follow lets caches be served
	oldContact    bool // a read of the log begun before such a write ends the distrust
	earlyServe    bool // caches are served before the replay is finished
	noBase        bool // a new process has no base floor
	oldBase       bool // starting over keeps the old base
	busMoves      bool // a message moves the position
	anyRead       bool // a write is content with the end of any read, begun before it too
}

type reader struct {
	waiting, old bool
	floor        int8
	need         at // ghost: what it must not go behind
}

type state struct {
	// the database
	rev, lin int8
	base     [maxLineage + 1]int8 // where each lineage branched off
	top      [maxLineage + 1]int8 // newest row that each ever had
	touched  [maxLineage + 1][maxRevision + 1]bool
	oldest   int8 // retained row of the log

	// the process
	placed, started, serving bool
	pos                      at
	floor                    int8
	fetching, over, trusted  bool // a read of the log under way; it will start over; begun after the last distrust
	head                     at   // what it found
	l1                       at
	flight                   int8 // 0 none, 1 begun, 2 has a value, 3 which is accepted
	value                    at
	old                      bool // the flight was begun before the last flush
	readers                  [maxReaders]reader
	wrote                    at // row of a write that has not returned yet
	seen                     at // ghost: newest version that was served, or written through this process
	restarted                bool
}

// lineage returns the lineage of row r in the history that ends with lineage l.
func (s *state) lineage(r, l int8) int8 {
	for l > 0 && r <= s.base[l] {
		l--
	}
	return l
}

func (s *state) newest() at { return at{s.rev, s.lineage(s.rev, s.lin)} }

// version returns the row that decides the key's value as of a.
func (s *state) version(a at) at {
	for ; a.r > 0; a.r-- {
		a.l = s.lineage(a.r, a.l)
		if s.touched[a.l][a.r] {
			return a
		}
	}
	return at{0, 0}
}

// contains reports whether row v lies in the history that a ends.
func (s *state) contains(a, v at) bool { return v.r <= a.r && s.lineage(v.r, a.l) == v.l }

// lost reports whether the database no longer has row v.
func (s *state) lost(v at) bool { return !s.contains(s.newest(), v) }

func (s *state) flush() {
	s.l1 = nothing
	s.old = s.flight != 0
	for i := range s.readers {
		s.readers[i].old = s.readers[i].waiting
	}
}

// apply is what the follower does with a finished read of the log.
func (s *state) apply(b *broken) {
	s.fetching = false
	if s.over {
		s.flush()
		s.pos = s.head
		if !b.oldBase {
			s.floor = s.head.r
		}
		for i := range s.readers { // what they must not go behind belongs to another history
			if s.readers[i].waiting && s.lost(s.readers[i].need) {
				s.readers[i].need = at{0, 0}
			}
		}
	} else {
		s.obey()
	}
	s.started = true
	s.serving = s.serving || s.trusted
}

// obey is what the follower does with the rows that it read: only it moves the position,
// so they go on from there.
func (s *state) obey() {
	for r := s.pos.r + 1; r <= s.head.r; r++ {
		if s.touched[s.lineage(r, s.head.l)][r] {
			s.floor = max(s.floor, r)
		}
	}
	s.pos = s.head
}

// fetch begins a read of the log.
func (s *state) fetch(b *broken) {
	s.fetching, s.trusted = true, true
	s.head = s.newest()
	s.over = !s.retained() || !b.noOwnMark && s.lineage(s.pos.r, s.lin) != s.pos.l
}

// retained reports whether the log has a row of the follower's revision.
func (s *state) retained() bool { return s.pos.r >= s.oldest && s.pos.r <= s.rev }

// confirmed is the verdict on a value: it lies in the history that was followed.
func (s *state) confirmed(v at, b *broken) bool {
	if v.r > s.pos.r {
		return b.noAccept
	}
	return b.noMark || s.lineage(v.r, s.pos.l) == v.l
}

// serve returns what is wrong with serving v to somebody who must not go behind
// need.
func (s *state) serve(v, need at) string {
	version := s.version(v)
	if !s.lost(need) && !s.contains(v, need) {
		return fmt.Sprintf("serves version %d.%d as of %d.%d behind %d.%d", version.r, version.l, v.r, v.l, need.r, need.l)
	}
	if s.contains(v, s.seen) || s.lost(s.seen) {
		s.seen = version
	}
	return ""
}

// must returns what a reader who begins now must not go behind: what was served,
// written or followed here. A version that the database lost is out of the
// question only once the follower has noticed.
func (s *state) must() at {
	followed := s.version(s.pos)
	if s.contains(s.seen, followed) {
		return s.seen
	}
	return followed
}

func (s state) steps(limits bounds, b *broken, emit model.Step[state]) {
	step := func(label string, change func(n *state) string) {
		n := s
		wrong := change(&n)
		emit(label, n, wrong)
	}
	ok := func(change func(n *state)) func(*state) string {
		return func(n *state) string { change(n); return "" }
	}

	// the database and everybody else
	if s.rev < limits.revisions {
		for _, touches := range []bool{true, false} {
			step(fmt.Sprintf("somebody commits (touches the key: %v)", touches), ok(func(n *state) { n.commit(touches) }))
		}
	}
	if s.lin < limits.restores {
		for to := s.oldest; to < s.rev; to++ {
			step(fmt.Sprintf("the database is restored to %d", to), ok(func(n *state) {
				n.lin++
				n.base[n.lin], n.top[n.lin], n.rev = to, to, to
			}))
		}
	}
	if limits.trims && s.oldest < s.rev {
		step("the log is trimmed", ok(func(n *state) { n.oldest++ }))
	}
	if limits.restarts && !s.restarted {
		step("the process restarts", ok(func(n *state) {
			*n = state{
				rev: s.rev, lin: s.lin, base: s.base, top: s.top, touched: s.touched, oldest: s.oldest,
				l1: nothing, wrote: nothing, seen: s.seen, restarted: true,
			}
		}))
	}

	// the follower
	if !s.placed {
		step("start: position at the oldest row", ok(func(n *state) {
			n.placed, n.pos = true, at{s.oldest, s.lineage(s.oldest, s.lin)}
			if !b.noBase {
				n.floor = s.oldest
			}
			n.started, n.serving = b.earlyServe, b.earlyServe
		}))
		return
	}
	if !s.fetching {
		step("the follower reads the log", ok(func(n *state) { n.fetch(b) }))
	} else {
		step("the follower obeys what it read", ok(func(n *state) { n.apply(b) }))
	}
	if b.busMoves && s.pos.r < s.rev {
		step("a message moves the position", ok(func(n *state) { n.pos = s.newest() }))
	}

	// a writer
	if s.wrote == nothing && s.started {
		if s.rev < limits.revisions {
			step("a write here commits", ok(func(n *state) { n.commit(true); n.wrote = n.newest() }))
		}
	} else if s.started {
		returns := func(n *state) {
			if n.contains(n.wrote, n.seen) || n.lost(n.seen) {
				n.seen = n.wrote
			}
			n.wrote = nothing
		}
		if !s.fetching {
			step("it follows the log and returns", ok(func(n *state) {
				if !b.noWriteFollow {
					n.fetch(b)
					n.apply(b)
				}
				returns(n)
			}))
		}
		if s.pos.r >= s.wrote.r && s.lineage(s.wrote.r, s.pos.l) == s.wrote.l || b.anyRead && s.serving && !s.fetching {
			step("the log was followed to it, and it returns", ok(returns))
		}
		step("it cannot read the log and returns", ok(func(n *state) {
			if !b.noDistrust {
				n.serving = false
				n.trusted = n.trusted && b.oldContact
				n.flush()
			}
			returns(n)
		}))
	}

	// readers
	if s.started {
		for i := range limits.readers {
			s.read(i, b, step)
		}
		s.fly(b, step)
	}
}

func (s *state) commit(touches bool) {
	s.rev++
	s.top[s.lin] = max(s.top[s.lin], s.rev)
	s.touched[s.lin][s.rev] = touches
}

func (s *state) read(i int, b *broken, step func(string, func(*state) string)) {
	if s.readers[i].waiting {
		return
	}
	if s.serving && s.l1 != nothing && (s.l1.r >= s.floor || b.noFloor) {
		step("a reader hits the local cache", func(n *state) string { return n.serve(s.l1, s.must()) })
	}
	if s.flight != 0 && s.old && !b.oldFlight {
		step("a reader begins a load; the old one goes on for nobody", func(n *state) string {
			n.readers[i] = reader{waiting: true, floor: s.floor, need: s.must()}
			n.flight, n.value, n.old = 1, at{}, false
			return ""
		})
		return
	}
	step("a reader misses, and waits for a load", func(n *state) string {
		n.readers[i] = reader{waiting: true, floor: s.floor, need: s.must()}
		if s.flight == 0 {
			n.flight = 1
		}
		return ""
	})
}

func (s *state) fly(b *broken, step func(string, func(*state) string)) {
	switch s.flight {
	case 1:
		step("the load reads the database", func(n *state) string {
			n.flight, n.value = 2, s.newest()
			return ""
		})
		if !s.serving {
			return // past every cache
		}
		for l := range s.lin + 1 {
			for r := s.floor; r <= s.top[l]; r++ {
				v := at{r, s.lineage(r, l)}
				step(fmt.Sprintf("the load finds %d.%d in the shared cache", v.r, v.l), func(n *state) string {
					n.flight, n.value = 2, v
					return ""
				})
			}
		}
	case 2:
		if !s.confirmed(s.value, b) {
			step("the value is not confirmed: the load begins again", func(n *state) string {
				n.flight, n.value = 1, at{}
				return ""
			})
			return
		}
		step("the value is accepted", func(n *state) string { n.flight = 3; return "" })
	case 3:
		for _, keep := range []bool{false, true} {
			step(fmt.Sprintf("the load serves its waiters (kept: %v)", keep), func(n *state) string { return n.land(keep, b) })
		}
	}
}

func (s *state) land(keep bool, b *broken) (wrong string) {
	v, old := s.value, s.old
	s.flight, s.value, s.old = 0, at{}, false
	if keep && (!old || b.oldFill) {
		s.l1 = v
	}
	for i := range s.readers {
		r := &s.readers[i]
		switch {
		case !r.waiting:
		case (v.r >= r.floor || b.noReaderFloor) && (!r.old || b.oldFlight):
			if w := s.serve(v, r.need); w != "" {
				wrong = w
			}
			*r = reader{}
		default: // it looks again
			r.floor, r.old = s.floor, false
			s.flight = 1
		}
	}
	return wrong
}

func explore(limits bounds, b broken) (states int, trace []string) {
	first := state{l1: nothing, wrote: nothing}
	return model.Explore(first, func(s state, step model.Step[state]) { s.steps(limits, &b, step) })
}

func TestModelHolds(t *testing.T) {
	runs := []bounds{{2, 0, 1, true, true}, {2, 1, 1, false, false}}
	if *deep {
		runs = append(runs, bounds{2, 0, 2, true, true}, bounds{3, 0, 1, true, true}, bounds{2, 1, 1, true, true},
			bounds{2, 1, 2, false, false}, bounds{2, 2, 1, false, false})
	}
	for _, limits := range runs {
		states, trace := explore(limits, broken{})
		t.Logf("%+v: %d states", limits, states)
		for i, step := range trace {
			t.Errorf("%d. %s", i+1, step)
		}
	}
}

// Each rule is needed: without it the model has a counterexample.
func TestModelNeedsEveryRule(t *testing.T) {
	for name, b := range map[string]broken{
		"a hit respects its floor":                        {noFloor: true},
		"a value's mark is compared":                      {noMark: true},
		"the follower confirms its own position":          {noOwnMark: true},
		"the log is followed before a value is served":    {noAccept: true},
		"nobody joins a flight from before a flush":       {oldFlight: true},
		"a flight from before a flush fills nothing":      {oldFill: true},
		"a reader checks its floor":                       {noReaderFloor: true},
		"a write follows the log":                         {noWriteFollow: true},
		"a write that cannot follow stops serving":        {noDistrust: true},
		"only a read of the log begun after that resumes": {oldContact: true},
		"nothing is served before the replay is finished": {earlyServe: true},
		"starting over raises the base":                   {oldBase: true},
		"only the log moves the position":                 {busMoves: true},
		"a new process begins with a base":                {noBase: true},
		"a write is content only with its own position":   {anyRead: true},
	} {
		t.Run(name, func(t *testing.T) {
			limits := bounds{2, 1, 1, false, false}
			if b.noBase || b.earlyServe { // the process has had a life before
				limits = bounds{2, 0, 1, true, true}
			}
			if b.noReaderFloor || b.oldFlight { // somebody has to join
				limits = bounds{2, 0, 2, false, false}
			}
			states, trace := explore(limits, b)
			if trace == nil {
				t.Errorf("no counterexample in %d states", states)
			}
			for i, step := range trace {
				t.Logf("%d. %s", i+1, step)
			}
		})
	}
}
