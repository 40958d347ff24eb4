package tiertest

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// answer is what a lookup brought.
type answer struct {
	found  bool
	any    bool // Exists: the tenant is not known
	tenant tenancy.Tenant
}

func (a answer) String() string {
	switch {
	case !a.found:
		return "nothing"
	case a.any:
		return "some tenant"
	}
	t := a.tenant
	return fmt.Sprintf("%s (%s, %q, %s) of revision %d", t.ID, t.Identifier, t.Name, t.Status, t.Revision)
}

// event is a read, or a write, that has returned.
type event struct {
	node       int // -1: behind all nodes
	key        tenancy.Key
	begun, end int64 // by the judge's clock
	write      bool
	answer     answer
	history    int // of a write
}

func (e event) String() string {
	what := "a read"
	if e.write {
		what = "a write"
	}
	return fmt.Sprintf("%s of %s %q that showed %s", what, e.key.Kind, e.key.Value, e.answer)
}

// bound is how far a node has come: what it has shown or written, at least.
type bound struct {
	history  int
	revision tenancy.Revision
	by       event // that came so far
}

// judge compares events with the change log. A restored backup begins a history
// of its own.
type judge struct {
	clock atomic.Int64

	mu        sync.Mutex
	histories []*history
	events    []event
	bounds    []bound // of each node
	judged    int
	changes   int
}

func newJudge() *judge {
	return &judge{histories: []*history{newHistory()}}
}

func (j *judge) history() *history { return j.histories[len(j.histories)-1] }

// note takes events that end now.
func (j *judge) note(events ...event) {
	end := j.clock.Add(1)
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range events {
		e.end, e.history = end, len(j.histories)-1
		j.events = append(j.events, e)
	}
}

// wrote notes what a write has returned. Its caller keeps restores away.
func (j *judge) wrote(t tenancy.Tenant) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.history().values[t.Revision] = t
}

// removed notes the name that a write has removed which returned t.
func (j *judge) removed(t tenancy.Tenant, k tenancy.Key) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.history().removed[t.Revision] = k
}

// extend takes what the log of the newest history has grown by.
func (j *judge) extend(changes []tenancy.Change) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.changes += len(changes)
	for _, c := range changes {
		j.history().add(c)
	}
}

// fork begins a history that shares everything up to base with the one before.
func (j *judge) fork(base tenancy.Position) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.histories = append(j.histories, j.history().fork(base))
}

// judge judges the events that have been noted, all of which have ended, and
// returns what is wrong.
func (j *judge) judge() (wrong []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	wrong = j.lost()
	type moment struct {
		at    int64
		event *event
	}
	var moments []moment
	need := map[*event]bound{} // of the node when each began
	for i := range j.events {
		e := &j.events[i]
		moments = append(moments, moment{e.begun, e}, moment{e.end, e})
	}
	slices.SortStableFunc(moments, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	for _, m := range moments {
		e := m.event
		if e.node < 0 {
			continue // somebody else's write obliges no node
		}
		node := &j.bounds[e.node]
		if m.at == e.begun {
			need[e] = *node
			continue
		}
		j.judged++
		shown, why := j.explain(e, need[e])
		if why != "" {
			wrong = append(wrong, why)
			continue
		}
		*node = j.later(*node, shown)
	}
	j.events = j.events[:0]
	return wrong[:min(len(wrong), 5)]
}

// lost reports acknowledged writes that the log does not know.
func (j *judge) lost() (wrong []string) {
	h := j.history()
	for r, t := range h.values {
		if c := h.touched[r]; c != t.ID {
			wrong = append(wrong, fmt.Sprintf("the write that returned %s is not in the log, which has %q there", answer{found: true, tenant: t}, c))
		}
	}
	return wrong
}

// later returns the bound that says more. Events that end at one moment came from
// one call.
func (j *judge) later(a, b bound) bound {
	if a.history > b.history {
		a, b = b, a
	}
	shared := j.in(a, b.history)
	if a.history == b.history && shared >= b.revision {
		return a
	}
	b.revision = max(b.revision, shared)
	return b
}

// in returns what a bound comes to in a later history: what both share of it.
func (j *judge) in(b bound, history int) tenancy.Revision {
	for i := b.history + 1; i <= history; i++ {
		b.revision = min(b.revision, j.histories[i].base)
	}
	return b.revision
}

// explain finds the earliest point of the earliest history, not before what the
// event needs, at which its answer is right; that is what the node is known to have
// reached. If there is none, it says so.
func (j *judge) explain(e *event, need bound) (bound, string) {
	first := need.history
	if e.write {
		first = max(first, e.history)
	}
	for i := first; i < len(j.histories); i++ {
		if r, ok := j.histories[i].explain(e, j.in(need, i)); ok {
			return bound{i, r, *e}, ""
		}
	}
	why := "which never was"
	for i := range j.histories {
		if r, ok := j.histories[i].explain(e, 0); ok {
			why = fmt.Sprintf("which is right at revision %d of history %d, but the node had come to %d of history %d by %s",
				r, i, need.revision, need.history, need.by)
			break
		}
	}
	return bound{}, fmt.Sprintf("node %d: %s, %s; the log has %s", e.node, e, why, j.history().tail(e.key))
}
