package replica_test

import (
	"fmt"
	"testing"

	"github.com/go-tenancy/tenantstore/core/internal/model"
)

// This file explores a model of how a replica follows its source, exhaustively: every order
// of steps, up to small bounds. There are two tenants, each on a page of its own, and one
// process. Everything outside of it is the adversary: see model_database_test.go. The process
// may start from a file as of any row that there ever was. Steps of the reader of the log
// are as small as what it asks of the source; what it does without asking is one step.
//
// Identifiers, handlers and secrets are not modelled: the rules of rules_test.go are for
// those. Nor is the file itself: see snapshot_model_test.go.

// bounds of one exploration.
type bounds struct {
	revisions, restores                             int8
	trims, resets, files, callers, outages, rescans bool
}

// broken switches rules off.
type broken struct {
	boundsLast  bool // the log is first asked after the scan
	hasty       bool // one page is taken for all
	fromNow     bool // what a trimmed or lost log has hidden is not scanned
	ahead       bool // what was read ahead of the log is shown at once
	believed    bool // what was read and never came in the log is kept
	oldFound    bool // what was found before a scan counts as found in it
	noSweep     bool // what a scan has not found is kept
	noSuspend   bool // what is known is served before it is known why the log denies it
	keepsServed bool // and where it has another history
	noMark      bool // the log does not compare marks
	noSettle    bool // a caller is shown something newer than memory, which is served on
	noDistrust  bool // what is known is served after a write that could not be followed
	oldContact  bool // a read of the log begun before that ends it
	earlyServe  bool // what was scanned is served before the log was read to its end
	timeless    bool // a page does not say as of when it is
}

// reading is how far a read of the log is. The next begins where one ends.
type reading int8

const (
	scanning reading = iota // pages are read, and then the log
	loading                 // the log was read, and what has changed is not
	asking                  // the log does not go on from the position; why is not known yet
)

// staged is what was read of a tenant, and is not shown yet.
type staged struct {
	there bool
	value at
}

type rows [mostRestores + 1][mostRevisions + 1]bool

type replicaModel struct {
	logModel

	// what the loader holds
	memory            [tenants]at
	asOf              at // as of which memory is; nowhere if it is as of no one position
	found             [tenants]bool
	staged            [tenants]staged
	cursor            int8 // the page that is read next
	swept             bool
	placed            bool // the reader has a position
	pos               at
	again             bool // all is to be scanned again
	whole             bool
	serving           bool
	suspended         bool
	reading           reading
	trusted           bool // it was begun after the last write that could not be followed
	head              at   // what it found
	end               bool // and that this was all
	seenOld, seenNew  rows // seen ahead of the log: before it was read, and since
	caller            at   // what a caller was answered by the source, who has not returned; or nowhere
	writes, restarted bool // the caller is one who has written

	// ghosts
	shown   at   // the newest row that callers have been shown
	contact bool // the process has read the log
	unknown bool // the log was trimmed so that it can no longer tell whether it has another history
}

func (s *replicaModel) stop() {
	*s = replicaModel{
		logModel: s.logModel, restarted: true, shown: nowhere, asOf: nowhere, caller: nowhere,
		memory: [tenants]at{absent, absent},
	}
}

// answer returns what is wrong with answering for a tenant from memory.
func (s *replicaModel) answer(tenant int) string {
	v := s.memory[tenant]
	switch {
	case s.asOf == nowhere:
		return "serves what is as of no position"
	case v != s.value(tenant, s.asOf) && !s.lost(s.asOf): // else it may be mixed until that is noticed
		return fmt.Sprintf("serves %v of tenant %d as of %v, which is %v then", v, tenant, s.asOf, s.value(tenant, s.asOf))
	case s.reading == asking && s.lost(s.asOf):
		return fmt.Sprintf("serves %v, though the log has denied its position", s.asOf)
	case s.contact && !s.unknown && !s.contains(s.pos, s.asOf):
		return fmt.Sprintf("serves %v, and has followed the log to %v of another history", s.asOf, s.pos)
	case s.shown != nowhere && !s.lost(s.shown) && !s.contains(s.asOf, s.shown):
		return fmt.Sprintf("serves %v after %v", s.asOf, s.shown)
	}
	s.shown = s.later(s.shown, s.changed(tenant, s.asOf))
	return ""
}

func (s replicaModel) steps(most bounds, b *broken, emit model.Step[replicaModel]) {
	step := func(label string, change func(n *replicaModel)) {
		n := s
		change(&n)
		if n.shown != nowhere && n.lost(n.shown) {
			n.shown = nowhere // which it stays
		}
		emit(label, n, "")
	}
	s.database(most, step)
	if !s.placed {
		s.begin(most, b, step)
		return
	}
	s.read(most, b, step)
	if most.outages && s.serving {
		step("MaxStale passes", func(n *replicaModel) { n.serving = false })
	}
	if s.serving && !s.suspended {
		for tenant := range tenants {
			n := s
			wrong := n.answer(tenant)
			emit(fmt.Sprintf("memory answers for tenant %d", tenant), n, wrong)
		}
	}
	if most.callers {
		s.call(most, b, step)
	}
	if most.rescans && !s.again {
		step("all is to be read again", func(n *replicaModel) {
			n.again = true
			n.distrust(b)
		})
	}
}

func (s *replicaModel) database(most bounds, step func(string, func(*replicaModel))) {
	if s.rev < most.revisions {
		for tenant := range tenants {
			step(fmt.Sprintf("somebody writes tenant %d", tenant), func(n *replicaModel) { n.commit(opWrite(tenant)) })
			if s.value(tenant, s.newest()) != absent {
				step(fmt.Sprintf("somebody deletes tenant %d", tenant), func(n *replicaModel) { n.commit(opDelete(tenant)) })
			}
		}
		if most.resets {
			step("somebody truncates the table", func(n *replicaModel) { n.commit(opReset) })
		}
	}
	if s.lin < most.restores {
		for to := s.oldest; to < s.rev; to++ {
			step(fmt.Sprintf("the database is restored to %d", to), func(n *replicaModel) { n.restore(to) })
		}
	}
	if most.trims && s.oldest < s.rev {
		step("the log is trimmed", func(n *replicaModel) { n.oldest++ })
	}
	if most.files && s.placed && !s.restarted {
		step("the process restarts", func(n *replicaModel) { n.stop() })
	}
}

// begin is the start of a process.
func (s *replicaModel) begin(most bounds, b *broken, step func(string, func(*replicaModel))) {
	if b.boundsLast && s.cursor < tenants {
		step("a page is read before the log", func(n *replicaModel) { n.page(b) })
		return
	}
	step("a process starts at the end of the log", func(n *replicaModel) {
		n.placed, n.pos, n.trusted = true, s.newest(), true
	})
	if !most.files || !s.restarted {
		return
	}
	for l := range s.lin + 1 {
		for r := s.base[l]; r <= s.top[l]; r++ {
			for _, complete := range []bool{true, false} {
				file := s.row(r, l)
				step(fmt.Sprintf("a process starts from a file as of %v (complete: %v)", file, complete), func(n *replicaModel) {
					n.placed, n.pos, n.asOf, n.trusted, n.serving = true, file, file, true, true
					for tenant := range tenants {
						n.memory[tenant] = s.value(tenant, file)
					}
					n.found = [tenants]bool{true, true}
					if complete {
						n.cursor = tenants
					}
				})
			}
		}
	}
}

// call is what callers do: they read from the source, or write, or wait for what another
// process has written.
func (s *replicaModel) call(most bounds, b *broken, step func(string, func(*replicaModel))) {
	if s.caller == nowhere {
		step("the source answers a caller", func(n *replicaModel) { n.caller, n.writes = s.newest(), false })
		if s.rev < most.revisions {
			step("a write here commits", func(n *replicaModel) {
				n.commit(opWriteA)
				n.caller, n.writes = n.newest(), true
			})
		}
		return
	}
	back := func(n *replicaModel) {
		n.shown, n.caller = n.later(n.shown, n.caller), nowhere
	}
	if s.contains(s.pos, s.caller) {
		switch isServed := s.serving && !s.suspended; {
		case s.whole || !isServed || b.noSettle:
			step("the log was followed to it, and the caller returns", back)
		default:
			step("the log was followed to it, and the caller returns before memory shows it", func(n *replicaModel) {
				n.distrust(b)
				back(n)
			})
		}
	}
	if s.writes {
		step("the log cannot be read, and the writer returns", func(n *replicaModel) {
			if !b.noDistrust {
				n.distrust(b)
			}
			back(n)
		})
	} else {
		step("the caller gives up", func(n *replicaModel) { n.caller = nowhere })
	}
}

func (s *replicaModel) distrust(b *broken) {
	s.serving, s.trusted = false, s.trusted && b.oldContact
}

func exploreReplica(most bounds, b broken) (states int, trace []string) {
	first := replicaModel{}
	first.stop()
	first.restarted = false
	return model.Explore(first, func(s replicaModel, step model.Step[replicaModel]) { s.steps(most, &b, step) })
}

func TestModelHolds(t *testing.T) {
	runs := []bounds{{revisions: 2, restores: 1}, {revisions: 1, trims: true, resets: true, files: true, callers: true, outages: true, rescans: true}}
	if *deep {
		runs = append(
			runs,
			bounds{revisions: 2, trims: true, resets: true, outages: true}, bounds{revisions: 2, callers: true, outages: true, rescans: true},
			bounds{revisions: 2, restores: 1, trims: true}, bounds{revisions: 1, restores: 1, files: true, outages: true, callers: true},
		)
	}
	for _, most := range runs {
		states, trace := exploreReplica(most, broken{})
		t.Logf("%+v: %d states", most, states)
		for i, step := range trace {
			t.Errorf("%d. %s", i+1, step)
		}
	}
}

// Each rule is needed: without it the model has a counterexample.
func TestModelNeedsEveryRule(t *testing.T) {
	plain, lost := bounds{revisions: 1}, bounds{revisions: 2, restores: 1}
	trimmed := bounds{revisions: 2, trims: true}
	called := bounds{revisions: 1, callers: true}
	for name, c := range map[string]struct {
		most bounds
		broken
	}{
		"the log is asked before the scan":                                  {plain, broken{boundsLast: true}},
		"nothing is absent before all pages are read":                       {plain, broken{hasty: true}},
		"what the log does not tell is scanned":                             {trimmed, broken{fromNow: true}},
		"what was read is shown when the log has reached it":                {bounds{revisions: 2}, broken{ahead: true}},
		"what was read must come in the log":                                {lost, broken{believed: true}},
		"what was found before a scan may be lost":                          {lost, broken{oldFound: true}},
		"what a scan has not found is gone":                                 {trimmed, broken{noSweep: true}},
		"nothing is served before it is known why the position is denied":   {lost, broken{noSuspend: true}},
		"nothing of another history is served":                              {lost, broken{keepsServed: true}},
		"the mark of the position is compared":                              {lost, broken{noMark: true}},
		"service ends when a caller is shown something newer than memory":   {bounds{revisions: 2, trims: true, callers: true}, broken{noSettle: true}},
		"a write that cannot be followed ends service":                      {called, broken{noDistrust: true}},
		"only a read of the log begun after that resumes":                   {called, broken{oldContact: true}},
		"nothing is served before the log was read to its end after a scan": {plain, broken{earlyServe: true}},
		"what a page does not show was not there as of its position":        {lost, broken{timeless: true}},
	} {
		t.Run(name, func(t *testing.T) {
			states, trace := exploreReplica(c.most, c.broken)
			if trace == nil {
				t.Errorf("no counterexample in %d states", states)
			}
			for i, step := range trace {
				t.Logf("%d. %s", i+1, step)
			}
		})
	}
}
