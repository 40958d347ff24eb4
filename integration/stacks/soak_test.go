//go:build unix

package stacks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/checker"
)

// TestSoak lets nodes and one more process read and write while things go wrong, and
// checks every read of the nodes against docs/guarantees.md, and that no acknowledged
// write is lost.
func TestSoak(t *testing.T) {
	for name, p := range map[string]plan{
		"ristretto over valkey over postgres":    {nodes: 3, postgres: true, valkey: true, bus: true, quick: true},
		"ristretto over sentinels over postgres": {nodes: 3, postgres: true, valkey: true, sentinel: true, bus: true, quick: true},
		"ristretto over postgres":                {nodes: 3, postgres: true, quick: true},
		"ristretto over a replica of postgres":   {nodes: 3, postgres: true, replica: true, quick: true},
		"ristretto over a replica of sqlite":     {nodes: 2, replica: true, quick: true},
		"replicas of postgres":                   {nodes: 3, postgres: true, bare: true, quick: true},
		"replicas of sqlite":                     {nodes: 2, bare: true, quick: true},
		"ristretto over sqlite":                  {nodes: 2, quick: true},
		"ristretto over valkey over sqlite":      {nodes: 2, valkey: true, bus: true, quick: true},
	} {
		t.Run(name, func(t *testing.T) {
			if *soakReads == 0 { // the short form; the long one takes the machine
				t.Parallel()
			}
			w, report := soak(t, p)
			for _, v := range report.Examples {
				t.Error(v)
			}
			if report.Reads == report.FailedReads || report.Writes == report.FailedWrites {
				t.Error("nothing was read or written")
			}
			w.converges(t)
		})
	}
}

// TestSoakCatches: the run can fail. It does where the log hides from the tiers what
// some changes touch.
func TestSoakCatches(t *testing.T) {
	if _, report := soak(t, plan{nodes: 2, quick: true, blind: true}); report.Violations == 0 {
		t.Error("stale reads were not caught")
	}
}

func soak(t *testing.T, p plan) (*workload, checker.Report) {
	t.Helper()
	seed := *soakSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	p.former = true
	w := newWorkload(newFleet(t, p))
	t.Cleanup(func() {
		if err := w.other.kill(); err != nil {
			t.Error(err)
		}
	})
	if err := w.other.start(); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	began := time.Now()
	w.run(t, seed, counts)

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := again(ctx, func() error { return w.check.Finish(ctx, w.fleet.raw) }); err != nil {
		t.Fatal(err)
	}
	report := w.check.Report()
	t.Logf("%v: %d reads (%d failed), %d writes (%d failed), %d calls during restores, %d violations\nfaults: %s\n%s",
		time.Since(began).Round(time.Millisecond), report.Reads, report.FailedReads, report.Writes, report.FailedWrites,
		report.Unjudged, report.Violations, tally(counts), w.fleet.tally())
	return w, report
}

// again does what may meet a connection that was lost when the database restarted.
func again(ctx context.Context, do func() error) error {
	for {
		err := do()
		if !errors.Is(err, tenancy.ErrUnavailable) || !wait(ctx, pace) {
			return err
		}
	}
}

// run goes on until enough was read, or the time is over.
func (w *workload) run(t *testing.T, seed uint64, counts map[string]int) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	switch {
	case w.fleet.plan.blind: // it ends with the first stale read
		ctx, stop = context.WithTimeout(ctx, patience)
		defer stop()
	case *soakReads == 0:
		ctx, stop = context.WithTimeout(ctx, *soakTime)
		defer stop()
	}
	var work sync.WaitGroup
	random := func(stream int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(stream))) } //nolint:gosec // to be repeated
	stream := 0
	for _, n := range w.fleet.nodes {
		for range readers {
			stream++
			r := random(stream)
			work.Go(func() { w.read(ctx, n, r) })
		}
	}
	for range writers {
		stream++
		r := random(stream)
		work.Go(func() { w.write(ctx, r) })
	}
	work.Go(func() {
		if err := w.disturb(ctx, random(0), w.faults(random(-1)), counts); err != nil {
			t.Error(err)
			stop()
		}
	})
	work.Go(func() {
		defer stop()
		for wait(ctx, 200*time.Millisecond) {
			err := w.check.Settle(ctx, w.fleet.raw)
			if err != nil && !errors.Is(err, tenancy.ErrUnavailable) && ctx.Err() == nil {
				t.Error(err)
				return
			}
			r := w.check.Report()
			if r.Violations > 0 || *soakReads > 0 && r.Reads-r.FailedReads-r.Unjudged >= *soakReads {
				return
			}
		}
	})
	work.Wait()
}

// converges checks that, once all is healed, every node answers, and with what is
// stored.
func (w *workload) converges(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	for _, n := range w.fleet.nodes {
		store := n.serves()
		for _, c := range w.cells {
			eventually(t, fmt.Sprintf("node %d answers for %s with what is stored", n.index, c.id), func() bool {
				want, err1 := w.fleet.raw.GetByID(ctx, c.id)
				got, err2 := store.GetByID(ctx, c.id)
				return got == want && (err1 == nil && err2 == nil ||
					errors.Is(err1, tenancy.ErrNotFound) && errors.Is(err2, tenancy.ErrNotFound))
			})
		}
	}
}

func tally(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(parts, ", ")
}

// tally shows what the tiers have counted since the nodes were last restarted.
func (f *fleet) tally() string {
	var lines []string
	for _, n := range f.nodes {
		if r := n.bare.Load(); r != nil {
			lines = append(lines, fmt.Sprintf("node %d: %+v", n.index, r.State()))
		} else {
			lines = append(lines, fmt.Sprintf("node %d: %+v", n.index, n.store.Load().Stats()))
		}
	}
	return strings.Join(lines, "\n")
}
