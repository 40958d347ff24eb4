package observe

import (
	"sync/atomic"

	"github.com/go-tenancy/tenantstore/core/internal/striped"
)

// counts are how often each operation ended in each way.
type counts struct {
	_      [64]byte // what comes before is read by every call
	quick  [sampled][striped.Lanes]lane
	others [operations][outcomes]atomic.Int64
}

// lane counts those calls of a sampled operation that succeeded, on goroutines that
// share it. It has a cache line of its own.
type lane struct {
	succeeded atomic.Int64
	failed    atomic.Int64
	begin     uint64        // of its sample; does not change
	measured  atomic.Uint64 // the last n for which due said yes, plus 1
	_         [32]byte
}

// spread lets each lane begin its sample elsewhere: else all would measure their first
// calls, which are the slowest.
func (c *counts) spread() {
	for op := range c.quick {
		for i := range c.quick[op] {
			c.quick[op][i].begin = uint64(i) * (1 << 64 / striped.Lanes)
		}
	}
}

// due reports whether the next call is to be measured. It is decided by how many
// came before, which costs next to nothing, but spread so that no rhythm of the
// callers meets that of the sample: multiples of the golden ratio are spread
// evenly over the numbers from 0 to 2^64. Of calls that begin together, before which
// equally many have ended, one is measured.
func (l *lane) due() bool {
	n := uint64(l.succeeded.Load() + l.failed.Load())
	return n*0x9e3779b97f4a7c15+l.begin < 1<<64/SampleEvery && l.measured.Swap(n+1) != n+1
}

func (c *counts) lane(op Operation) *lane { return &c.quick[op][striped.Lane()] }

// done counts a call of a sampled operation.
func (c *counts) done(op Operation, l *lane, err error) {
	if err == nil {
		l.succeeded.Add(1)
		return
	}
	c.failure(op, l, err)
}

func (c *counts) failure(op Operation, l *lane, err error) {
	l.failed.Add(1)
	c.others[op][OutcomeOf(err)].Add(1)
}

// Calls returns how often op ended with outcome since Wrap. It never goes back.
func (s *Store) Calls(op Operation, outcome Outcome) int64 {
	n := s.counts.others[op][outcome].Load()
	if outcome == OK && op < sampled {
		for i := range s.counts.quick[op] {
			n += s.counts.quick[op][i].succeeded.Load()
		}
	}
	return n
}
