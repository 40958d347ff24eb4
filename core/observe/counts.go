package observe

import "sync/atomic"

// counter has a cache line of its own: every processor bumps it.
type counter struct {
	atomic.Int64
	_ [56]byte
}

// lanes is over how many counters those calls are spread that may be hits of a
// cache: processors seldom meet in one.
const lanes = 8

type counts struct {
	_      [64]byte // what comes before is read by every call
	hits   [sampled][lanes]counter
	others [operations][outcomes]atomic.Int64
}

// add counts a call. random chooses the lane.
func (c *counts) add(op Operation, err error, random uint32) {
	if err == nil && op < sampled {
		c.hits[op][random%lanes].Add(1)
		return
	}
	c.others[op][OutcomeOf(err)].Add(1)
}

// Calls returns how often op ended with outcome since Wrap. It never goes back.
func (s *Store) Calls(op Operation, outcome Outcome) int64 {
	n := s.counts.others[op][outcome].Load()
	if outcome == OK && op < sampled {
		for i := range s.counts.hits[op] {
			n += s.counts.hits[op][i].Load()
		}
	}
	return n
}
