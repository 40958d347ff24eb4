package tier

import "sync"

// outage tells which of the hits of a tier were while the change log could not be
// read. It costs a hit nothing: it notes how many there were before.
type outage struct {
	mu     sync.Mutex // held while hits are read, too: else the count could go back
	lost   bool
	before int64 // hits, when contact was lost
	sum    int64 // of the outages that are over
}

// noteContact is called when contact with the log is lost and when
// it is back.
func (s *Store) noteContact(lost bool) { s.outage.note(lost, &s.stats) }

func (o *outage) note(lost bool, c *counters) {
	o.mu.Lock()
	defer o.mu.Unlock()
	hits, negatives := c.served()
	if lost {
		o.before = hits + negatives
	} else {
		o.sum += hits + negatives - o.before
	}
	o.lost = lost
}

// served returns how many lookups the cache answered, and how many of these were in
// outages.
func (o *outage) served(c *counters) (hits, negatives, stale int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	hits, negatives = c.served()
	stale = o.sum
	if o.lost {
		stale += hits + negatives - o.before
	}
	return hits, negatives, stale
}
