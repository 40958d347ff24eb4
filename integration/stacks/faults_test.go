//go:build unix

package stacks

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/go-tenancy/tenantstore/integration/checker"
)

// fault is something that goes wrong for a while.
type fault struct {
	name string
	// alone says that nothing else may be wrong meanwhile.
	alone bool
	begin func(ctx context.Context) (heal func() error, err error)
}

// done is the heal of a fault that is over at once.
func done() error { return nil }

// faults are all that can happen to a fleet.
func (w *workload) faults(r *rand.Rand) []fault {
	f := w.fleet
	all := []fault{
		{"node restart", true, func(context.Context) (func() error, error) {
			return done, w.restart(f.nodes[r.IntN(len(f.nodes))], done)
		}},
		w.trim(r),
	}
	all = append(all, w.processFaults(r)...)
	if f.plan.valkey {
		all = append(all, f.valkeyFaults(r)...)
		all = append(all, f.networkFaults("Valkey", r, func(n *node) proxies { return n.toValkey })...)
	}
	if f.plan.sentinel {
		all = append(all, f.failover(r))
	}
	if f.plan.postgres {
		all = append(all, w.postgresFaults(r)...)
		all = append(all, f.networkFaults("PostgreSQL", r, func(n *node) proxies { return n.toDatabase })...)
	} else {
		all = append(all, w.sqliteFaults(r)...)
	}
	return all
}

// restart gives n a new process, and calls meanwhile where there is none. A replica may start
// from its file then, and knows no more than that.
func (w *workload) restart(n *node, meanwhile func() error) error {
	if err := n.serves().Close(); err != nil {
		return err
	}
	if w.fleet.plan.bare {
		w.check.Restart(n.index)
	}
	return errors.Join(meanwhile(), w.fleet.open(n))
}

// processFaults end the other process, or stop it for a while.
func (w *workload) processFaults(r *rand.Rand) []fault {
	other := &w.other
	write := func(ctx context.Context) {
		c := w.cells[r.IntN(cells)]
		c.mu.Lock()
		defer c.mu.Unlock()
		w.writeCell(ctx, other, checker.Outside, c, r)
	}
	return []fault{
		{"process killed after its commit", false, func(ctx context.Context) (func() error, error) {
			if other.cmd == nil { // killed by the fault below, at the same time
				return done, nil
			}
			for range r.IntN(4) {
				write(ctx)
			}
			other.die = true
			for tries := 0; other.cmd != nil && tries < 20; tries++ { // some fail, as a slug is taken
				write(ctx)
			}
			return other.start, other.kill()
		}},
		{"process killed in a write", false, func(ctx context.Context) (func() error, error) {
			if other.cmd == nil {
				return done, nil
			}
			killed := other.killAfter(time.Duration(r.IntN(3000)) * time.Microsecond)
			write(ctx)
			<-killed
			return other.start, other.kill()
		}},
		{"process SIGSTOP", true, func(context.Context) (func() error, error) { return other.resume, other.pause() }},
	}
}

func (f *fleet) networkFaults(to string, r *rand.Rand, of func(*node) proxies) []fault {
	one := func() proxies { return of(f.nodes[r.IntN(len(f.nodes))]) }
	return []fault{
		{to + " cut off", false, func(context.Context) (func() error, error) { return one().cut() }},
		{to + " far away", false, func(context.Context) (func() error, error) { return one().delay(1 + r.IntN(40)) }},
		{to + " behind a black hole", false, func(context.Context) (func() error, error) { return one().swallow() }},
	}
}

// disturb makes things go wrong, one or two at a time, each kind before any comes
// again, until ctx ends. It counts them, and leaves everything healed.
func (w *workload) disturb(ctx context.Context, r *rand.Rand, all []fault, counts map[string]int) error {
	var queue []fault
	next := func() fault {
		if len(queue) == 0 {
			for _, i := range r.Perm(len(all)) {
				queue = append(queue, all[i])
			}
		}
		first := queue[0]
		queue = queue[1:]
		return first
	}
	whole := context.WithoutCancel(ctx) // to heal what ctx has interrupted
	for wait(ctx, between(r, 20, 150)) {
		both := []fault{next()}
		if second := next(); !both[0].alone && !second.alone && second.name != both[0].name && r.IntN(2) == 0 {
			both = append(both, second)
		} else {
			queue = append([]fault{second}, queue...)
		}
		var heals []func() error
		var errs []error
		for _, f := range both {
			heal, err := f.begin(whole)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", f.name, err))
				continue
			}
			counts[f.name]++
			heals = append(heals, heal)
		}
		wait(ctx, between(r, 50, 400))
		for _, heal := range heals {
			if err := heal(); err != nil {
				errs = append(errs, fmt.Errorf("healing %v: %w", both, err))
			}
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	return nil
}

func between(r *rand.Rand, low, high int) time.Duration {
	return time.Duration(low+r.IntN(high-low)) * time.Millisecond
}
