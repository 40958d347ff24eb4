package tenantpool

// State says what a pool does now, and counts what it did since New.
type State struct {
	Max      int // of resources: WithMax
	Opening  int // resources that are being opened
	Leased   int // open, and in use
	Idle     int // open, and not in use
	Draining int // waiting for their leases, or being closed
	Waiting  int // tenants for which there is no room
	Failing  int // tenants whose resource could not be opened the last time

	// The calls of Get, apart from those that were ended by their context or for which the
	// store could not be asked.
	Hits      int64 // got an open resource
	Waited    int64 // got one after a wait
	Refused   int64 // for a tenant that is not served
	Failed    int64 // failed with ErrOpen
	Exhausted int64 // failed with ErrExhausted

	Opened       int64 // resources
	OpenFailures int64

	// Why resources were closed.
	Changed   int64 // the tenant has another key
	NotServed int64 // the tenant is not served, or was not for a moment
	Stale     int64 // the change log could not be read
	IdleEnded int64 // not in use for the time of WithIdle
	Evicted   int64 // to make room
	Forced    int64 // of all these: while in use
}

type counts struct {
	hits, waited, refused, failed, exhausted int64
	opened, openFailures, forced             int64
	closed                                   [reasons]int64
}

// State returns the state as of one moment. It takes as long as looking at each resource.
func (p *Pool[R]) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := &p.counts
	s := State{
		Max: p.max, Opening: p.room.opening, Waiting: len(p.room.queue),
		Hits: c.hits, Waited: c.waited, Refused: c.refused, Failed: c.failed, Exhausted: c.exhausted,
		Opened: c.opened, OpenFailures: c.openFailures,
		Changed: c.closed[changed], NotServed: c.closed[notServed], Stale: c.closed[stale],
		IdleEnded: c.closed[idle], Evicted: c.closed[evicted], Forced: c.forced,
	}
	for _, e := range p.entries {
		switch {
		case e.phase == broken:
			s.Failing++
		case e.phase == open && e.leases > 0:
			s.Leased++
		case e.phase == open:
			s.Idle++
		}
	}
	s.Draining = p.max - p.room.free - s.Opening - s.Leased - s.Idle
	return s
}
