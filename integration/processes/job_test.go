//go:build unix

package processes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// job is what a child process does: so many writes, by workers at once.
type job struct {
	Store   string   // see open
	Name    string   // begins the IDs and identifiers of its own tenants
	Writes  int      // in all
	Workers int      //
	Shared  []string // IDs of tenants that every process writes too
}

// report is a line that a child prints: what became of one write of one tenant.
type report struct {
	Ready  bool // to begin; not about a write
	Op     string
	ID     string
	Tenant *tenancy.Tenant // as the store returned it; nil after a delete
	// Unknown: the store could not answer; the write may have happened.
	Unknown bool
	// Failed is an error that must not reach a caller.
	Failed string
}

// run does the job in this process, and returns its exit status.
func (j job) run() int {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	store, err := open(ctx, j.Store)
	if err != nil {
		fmt.Fprintln(os.Stderr, j.Name, err)
		return 1
	}
	out := reporter{out: json.NewEncoder(os.Stdout)}
	out.report(report{Ready: true})
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil { // until begin closes it
		fmt.Fprintln(os.Stderr, j.Name, err)
		return 1
	}
	var left atomic.Int64
	left.Store(int64(j.Writes))
	var workers sync.WaitGroup
	for n := range j.Workers {
		workers.Go(func() {
			w := newWorker(store, &out, fmt.Sprintf("%s-%d", j.Name, n), j.Shared)
			for left.Add(-1) >= 0 && ctx.Err() == nil {
				w.write(ctx)
			}
		})
	}
	workers.Wait()
	if err := errors.Join(ctx.Err(), store.Close(), out.err); err != nil {
		fmt.Fprintln(os.Stderr, j.Name, err)
		return 1
	}
	return 0
}

// reporter prints each report with one system call: what it has printed, the
// parent will read, even if the process is killed next.
type reporter struct {
	mu  sync.Mutex
	out *json.Encoder
	err error
}

func (r *reporter) report(line report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = errors.Join(r.err, r.out.Encode(line))
}
