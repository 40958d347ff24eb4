package replica_test

import (
	"flag"
	"fmt"
	"testing"

	"github.com/go-tenancy/tenantstore/core/internal/model"
)

// This file explores a model of the snapshot file exhaustively: every order of steps, up
// to small bounds. There is one tenant, which every row of the log changes, and one process
// at a time, which may be killed at any moment and started again. The database commits, is
// restored and goes on differently, and is down whenever no step asks it. A mark is
// modelled as the lineage of its row: 0 until the first restore, then 1, and so on.

var deep = flag.Bool("deep", false, "explore the models with larger bounds (minutes)")

// The largest bounds.
const (
	modelRevisions = 3
	modelRestores  = 2
)

type fileBounds struct{ revisions, restores int8 }

// row is a row of the log, and the value of the tenant as of it.
type row struct{ r, l int8 }

var noRow = row{-1, 0}

// modelFile is what a file holds.
type modelFile struct {
	there     bool
	at        row
	old       bool // says that it was current longer ago than maxAge
	outOfDate bool // ghost: it was
}

type modelPhase int8

const (
	down modelPhase = iota
	restoring
	restored
	starting
	whole
)

type fileModel struct {
	// the database
	rev, lin int8
	mark     [modelRevisions + 1]int8
	made     [modelRevisions + 1][modelRestores + 1]bool // rows that there ever were
	file     modelFile

	// the process
	phase             modelPhase
	pos               row // followed to, and what is in memory
	serving           bool
	bypassed          bool // a read was answered by the database while the file was read
	denied            bool // the log does not have pos; why is not known yet
	contact           bool // it has read the log
	old, outOfDate    bool // as in a file
	writing, outdated bool // a file is being written; the history was lost meanwhile
	next              modelFile

	// ghosts
	last   row                                         // what the process has answered last
	banned [modelRevisions + 1][modelRestores + 1]bool // rows that a process knows to be lost
}

// brokenFile switches rules off.
type brokenFile struct {
	noMark, noAge, writeTime, noSuspend, noRemove, noDrop, noBypass bool
}

func (s *fileModel) newest() row     { return row{s.rev, s.mark[s.rev]} }
func (s *fileModel) lost(v row) bool { return v.r > s.rev || s.mark[v.r] != v.l }

// ban notes that what is lost now is known to be.
func (s *fileModel) ban() {
	for r := range s.banned {
		for l := range s.banned[r] {
			if v := (row{int8(r), int8(l)}); s.made[r][l] && s.lost(v) {
				s.banned[r][l] = true
			}
		}
	}
}

// stop ends the process.
func (s *fileModel) stop() {
	*s = fileModel{rev: s.rev, lin: s.lin, mark: s.mark, made: s.made, file: s.file, banned: s.banned, pos: noRow, last: noRow}
}

// answer returns what is wrong with answering v.
func (s *fileModel) answer(v row) string {
	last := s.last
	s.last = v
	switch {
	case s.banned[v.r][v.l]:
		return fmt.Sprintf("serves %v, which is known to be lost", v)
	case s.denied && s.lost(v):
		return fmt.Sprintf("serves %v, though the log has denied it", v)
	case !s.contact && s.outOfDate:
		return fmt.Sprintf("serves %v past its age", v)
	case last != noRow && !s.lost(last) && v.r < last.r:
		return fmt.Sprintf("serves %v after %v", v, last)
	}
	return ""
}

func (s fileModel) steps(most fileBounds, b *brokenFile, emit model.Step[fileModel]) {
	step := func(label string, change func(n *fileModel) string) {
		n := s
		wrong := change(&n)
		emit(label, n, wrong)
	}
	do := func(label string, change func(n *fileModel)) {
		step(label, func(n *fileModel) string { change(n); return "" })
	}

	if s.rev < most.revisions {
		do("somebody commits", func(n *fileModel) {
			n.rev++
			n.mark[n.rev], n.made[n.rev][n.lin] = s.lin, true
		})
	}
	if s.lin < most.restores {
		for to := range s.rev {
			do(fmt.Sprintf("the database is restored to %d", to), func(n *fileModel) { n.rev, n.lin = to, s.lin+1 })
		}
	}
	do("maxAge passes", func(n *fileModel) {
		n.old, n.outOfDate = true, true
		n.file.old, n.file.outOfDate = s.file.there, s.file.there
		n.next.old, n.next.outOfDate = s.writing, s.writing
	})
	if s.phase != down {
		do("the process is killed", func(n *fileModel) { n.stop() })
	}

	switch s.phase {
	case down:
		do("a process starts", func(n *fileModel) { n.phase = restoring })
	case restoring:
		step("the database answers a read", func(n *fileModel) string {
			n.bypassed, n.contact = true, false
			n.last = s.newest()
			return ""
		})
		if !s.file.there || s.file.old && !b.noAge {
			do("no file is used", func(n *fileModel) { n.phase = starting })
			break
		}
		do("the file is read", func(n *fileModel) {
			n.phase, n.pos = restored, s.file.at
			n.old, n.outOfDate = s.file.old, s.file.outOfDate
			n.serving = !s.bypassed || b.noBypass
		})
	case starting:
		do("all tenants are read", func(n *fileModel) {
			n.phase, n.pos = whole, s.newest()
			n.serving, n.contact, n.old, n.outOfDate = true, true, false, false
			n.ban()
		})
	case restored, whole:
		s.follow(b, do)
	}
	if s.serving && (s.contact || !s.old || b.noAge) {
		step("a read is answered from memory", func(n *fileModel) string { return n.answer(s.pos) })
	}
	if s.phase == whole && !s.denied && !s.writing {
		do("a file is begun", func(n *fileModel) {
			n.writing = true
			n.next = modelFile{there: true, at: s.pos, old: s.old && !b.writeTime, outOfDate: s.outOfDate}
		})
	}
	if s.writing {
		do("the file is finished", func(n *fileModel) {
			n.file = s.next
			n.file.there = !s.outdated || b.noDrop
			n.writing, n.outdated, n.next = false, false, modelFile{}
		})
	}
}

// follow is a read of the log.
func (s *fileModel) follow(b *brokenFile, do func(string, func(*fileModel))) {
	switch at := s.pos; {
	case s.denied:
		do("another history: everything is read anew", func(n *fileModel) {
			n.phase, n.serving, n.denied = starting, false, false
			n.file.there = s.file.there && b.noRemove
			n.outdated = s.writing
			n.ban()
		})
	case at.r > s.rev || s.mark[at.r] != at.l && !b.noMark:
		s.deny(b, do)
	default:
		do("the log is read, and the tenant", func(n *fileModel) {
			n.phase, n.pos = whole, s.newest()
			n.serving, n.contact, n.old, n.outOfDate = true, true, false, false
			n.ban()
		})
	}
}

func (s *fileModel) deny(b *brokenFile, do func(string, func(*fileModel))) {
	do("the log denies the position", func(n *fileModel) {
		n.denied = true
		n.serving = s.serving && b.noSuspend
	})
}

func exploreFile(most fileBounds, b brokenFile) (states int, trace []string) {
	first := fileModel{}
	first.stop()
	return model.Explore(first, func(s fileModel, step model.Step[fileModel]) { s.steps(most, &b, step) })
}

func TestFileModelHolds(t *testing.T) {
	runs := []fileBounds{{2, 1}}
	if *deep {
		runs = append(runs, fileBounds{3, 1}, fileBounds{2, 2}, fileBounds{modelRevisions, modelRestores})
	}
	for _, most := range runs {
		states, trace := exploreFile(most, brokenFile{})
		t.Logf("%+v: %d states", most, states)
		for i, step := range trace {
			t.Errorf("%d. %s", i+1, step)
		}
	}
}

// Each rule is needed: without it the model has a counterexample.
func TestFileModelNeedsEveryRule(t *testing.T) {
	for name, b := range map[string]brokenFile{
		"the mark of the position is compared":                            {noMark: true},
		"a file has an age":                                               {noAge: true},
		"which is that of what it holds":                                  {writeTime: true},
		"nothing is served before it is known why the position is denied": {noSuspend: true},
		"a file of a lost history is removed":                             {noRemove: true},
		"so is one that was being written":                                {noDrop: true},
		"a file is not served after an answer of the database":            {noBypass: true},
	} {
		t.Run(name, func(t *testing.T) {
			states, trace := exploreFile(fileBounds{2, 1}, b)
			if trace == nil {
				t.Errorf("no counterexample in %d states", states)
			}
			for i, step := range trace {
				t.Logf("%d. %s", i+1, step)
			}
		})
	}
}
