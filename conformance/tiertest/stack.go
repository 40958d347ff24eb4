package tiertest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// StackHarness tells RunStack how to make the nodes under test. Only Open is
// required.
type StackHarness struct {
	// Open returns new nodes over a new, empty source.
	Open func(tb testing.TB) Stack

	// Rounds is how often something fails: 12 if 0. One takes some 50 ms on a
	// source in memory.
	Rounds int

	// Patience is how long a node may take, after the last fault, to agree with
	// the source: a minute if 0.
	Patience time.Duration

	// Seed repeats the choices of a run, though not how goroutines interleave: a
	// failure prints the seed of its own. 0 draws one.
	Seed uint64
}

// Stack is what RunStack works on.
type Stack struct {
	// Nodes are stacks of tiers, each as a process of its own would have it. The
	// suite closes them.
	Nodes []tenancy.Store
	// Source is what is under all of them, without a cache between. The suite
	// writes through it behind their backs, and closes it last.
	Source tenancy.Source

	// Faults are what may happen during a round.
	Faults []Fault
	// Backup, if set, copies what Source holds, log included, and returns what
	// puts the copy back.
	Backup func() (restore func())
	// Compact, if set, drops the changes before revision from the log.
	Compact func(revision tenancy.Revision)
	// Restart, if set, returns the ith node as a new process would open it. The
	// suite has closed the old one.
	Restart func(i int) tenancy.Store
}

// Fault is something that goes wrong.
type Fault struct {
	// Name is for people.
	Name string
	// Begin makes it happen, and returns what ends it, or nil. What it chooses,
	// it draws from random.
	Begin func(random *rand.Rand) (end func())
	// MayFail says that calls of a node may fail meanwhile, with ErrUnavailable.
	// Otherwise no trouble with a cache, a bus or a notification is trouble of
	// the caller.
	MayFail bool
}

// RunStack lets goroutines read and write the tenants of a few IDs and
// identifiers, and of a few domains and former identifiers if Source has names, through all nodes, and behind their backs, while faults come and
// go, and judges every read by the change log:
//
//   - A read shows a version that the log knows, exactly as it was written.
//   - On one node, no read shows what was before something that a read had shown
//     which returned before this one began, under whatever key; nor what was
//     before a write of this node that had returned.
//   - After a restored backup, a node that has shown something of the new history
//     shows nothing any more that is of the lost one alone, and no node updates a
//     tenant from what the restore has undone, whatever the revisions.
//   - No call fails because of a cache or a bus.
//   - When the faults are over, every node agrees with the source.
//
// A failure prints the seed.
func RunStack(t *testing.T, h StackHarness) {
	t.Helper()
	CheckStack(t, h)
}

// CheckStack is RunStack for any TB.
func CheckStack(tb testing.TB, h StackHarness) {
	tb.Helper()
	if h.Open == nil {
		tb.Fatal("tiertest: StackHarness.Open is required")
	}
	if h.Rounds == 0 {
		h.Rounds = 12
	}
	if h.Patience == 0 {
		h.Patience = time.Minute
	}
	if h.Seed == 0 {
		h.Seed = rand.Uint64()
	}
	r := &run{tb: tb, h: h, random: rand.New(rand.NewPCG(h.Seed, 0)), stack: h.Open(tb), judge: newJudge()}
	tb.Cleanup(r.close)
	r.named = tenancy.HasNames(r.stack.Source)
	r.judge.bounds = make([]bound, len(r.stack.Nodes))
	for n := range h.Rounds {
		r.number = n
		r.round()
		if tb.Failed() {
			return
		}
	}
	if r.judge.judged == 0 {
		tb.Errorf("seed %d: no read was judged", h.Seed)
	}
	tb.Logf("seed %d: %d reads and writes judged, %d changes, %d restores", h.Seed, r.judge.judged, r.judge.changes, len(r.judge.histories)-1)
}

// run is one run of RunStack.
type run struct {
	tb     testing.TB
	h      StackHarness
	random *rand.Rand // of the goroutine of the test
	stack  Stack
	judge  *judge
	named  bool     // the source has names
	number int      // of the round
	faults []string // of the round

	// Held for reading by every write, and for writing by what must not meet one:
	// restores and compactions.
	writing sync.RWMutex
	mayFail bool // of the round

	said atomic.Int32
}

// atMost bounds what one run complains of: the rest is mostly the same.
const atMost = 10

func (r *run) close() {
	for i, n := range r.stack.Nodes {
		if err := n.Close(); err != nil {
			r.tb.Errorf("seed %d: Close of node %d: %v", r.h.Seed, i, err)
		}
	}
	if err := r.stack.Source.Close(); err != nil {
		r.tb.Errorf("seed %d: Close of the source: %v", r.h.Seed, err)
	}
}

func (r *run) errorf(format string, args ...any) {
	r.tb.Helper()
	if r.said.Add(1) > atMost {
		return
	}
	r.tb.Errorf("seed %d, round %d, with %v: "+format, append([]any{r.h.Seed, r.number, r.faults}, args...)...)
}

// round is two phases of work. Faults begin before either and end after either.
func (r *run) round() {
	r.faults, r.mayFail = nil, false
	var ends [2][]func()
	var begins [2][]Fault
	for range r.random.IntN(3) {
		if len(r.stack.Faults) == 0 {
			break
		}
		f := r.stack.Faults[r.random.IntN(len(r.stack.Faults))]
		phase := r.random.IntN(2)
		begins[phase] = append(begins[phase], f)
		r.faults = append(r.faults, f.Name)
		r.mayFail = r.mayFail || f.MayFail
	}
	restart := r.random.IntN(4) // 0 and 1 are phases
	if r.stack.Restart == nil {
		restart = -1
	}
	during := r.disturbance()
	for phase := range 2 {
		if phase == restart {
			r.restart()
		}
		for _, f := range begins[phase] {
			if end := f.Begin(r.random); end != nil {
				last := phase + r.random.IntN(2-phase)
				ends[last] = append(ends[last], end)
			}
		}
		r.work(during[phase])
		for _, end := range ends[phase] {
			end()
		}
	}
	r.converge()
	r.writing.Lock()
	defer r.writing.Unlock()
	r.sync()
	for _, wrong := range r.judge.judge() {
		r.errorf("%s", wrong)
	}
}

// restart closes a node and opens it again, as a new process.
func (r *run) restart() {
	r.faults = append(r.faults, "a node that restarts")
	i := r.random.IntN(len(r.stack.Nodes))
	if err := r.stack.Nodes[i].Close(); err != nil {
		r.errorf("Close of node %d: %v", i, err)
	}
	r.stack.Nodes[i] = r.stack.Restart(i)
}

// disturbance returns what is done in the middle of each phase: a restore of what
// was before the round, a compaction, or nothing.
func (r *run) disturbance() (during [2]func()) {
	alone := func(do func()) func() {
		return func() {
			r.writing.Lock()
			defer r.writing.Unlock()
			r.sync()
			do()
		}
	}
	phase := r.random.IntN(2)
	switch n := r.random.IntN(8); {
	case n < 2 && r.stack.Backup != nil:
		r.faults = append(r.faults, "a restored backup")
		r.writing.Lock()
		r.sync()
		base, restore := r.judge.history().newest(), r.stack.Backup()
		r.writing.Unlock()
		overtake := r.random.IntN(2) == 0
		during[phase] = alone(func() {
			lost := r.judge.history().newest().Revision
			undone := r.since(base)
			restore()
			r.judge.fork(base)
			if overtake {
				r.overtake(lost, undone)
			}
		})
	case n == 2 && r.stack.Compact != nil:
		r.faults = append(r.faults, "a log that is trimmed")
		keep := r.random.IntN(10)
		during[phase] = alone(func() { r.stack.Compact(r.judge.history().newest().Revision - tenancy.Revision(keep)) })
	}
	return during
}

// sync reads what is new in the log. Nobody writes meanwhile.
func (r *run) sync() {
	for {
		changes, err := r.stack.Source.Changes(r.tb.Context(), r.judge.history().newest(), tenancy.MaxChangesLimit)
		if err != nil {
			r.errorf("the source's log cannot be read: %v", err)
			return
		}
		if len(changes) == 0 {
			return
		}
		r.judge.extend(changes)
	}
}

// converge waits until every node answers as the source does.
func (r *run) converge() {
	ctx, cancel := context.WithTimeout(r.tb.Context(), r.h.Patience)
	defer cancel()
	for i := range r.stack.Nodes {
		for _, k := range r.keys() {
			for {
				want, err := lookup(ctx, r.stack.Source, k)
				if err != nil {
					r.errorf("the source fails without a fault: %v", err)
					return
				}
				got, err := r.read(ctx, i, k)
				if err == nil && got == want {
					break
				}
				if pause(ctx, time.Millisecond) != nil {
					r.errorf("node %d does not agree with the source %v after the last fault: %s %q: got %s, error %v, want %s",
						i, r.h.Patience, k.Kind, k.Value, got, err, want)
					return
				}
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// read reads k on a node, and notes it for the judge unless it fails.
func (r *run) read(ctx context.Context, node int, k tenancy.Key) (answer, error) {
	begun := r.judge.clock.Add(1)
	a, err := lookup(ctx, r.stack.Nodes[node], k)
	if err == nil {
		r.judge.note(event{node: node, key: k, begun: begun, answer: a})
	}
	return a, err
}

// lookup returns what s has under k. That there is nothing is an answer.
func lookup(ctx context.Context, s tenancy.Store, k tenancy.Key) (answer, error) {
	get := map[tenancy.KeyKind]func(context.Context, string) (tenancy.Tenant, error){
		tenancy.KindID: s.GetByID, tenancy.KindIdentifier: s.GetByIdentifier, tenancy.KindDomain: s.GetByDomain, tenancy.KindFormer: s.FormerOwner,
	}[k.Kind]
	t, err := get(ctx, k.Value)
	if errors.Is(err, tenancy.ErrNotFound) {
		return answer{}, nil
	}
	return answer{found: err == nil, tenant: t}, err
}
