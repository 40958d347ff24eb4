package tier

import "sync"

// outage tells which of the hits of a tier were while the change log could not be
// read. It costs a hit nothing: it notes how many there were before.
type outage struct {
	mu     sync.Mutex
	lost   bool
	before int64 // hits, when contact was lost
	sum    int64 // of the outages that are over
}

// noteContact is called by the follower when contact with the log is lost and when
// it is back.
func (s *Store) noteContact(lost bool) {
	hits, negatives := s.stats.served()
	s.outage.note(lost, hits+negatives)
}

func (o *outage) note(lost bool, hits int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if lost {
		o.before = hits
	} else {
		o.sum += hits - o.before
	}
	o.lost = lost
}

// served returns how many hits there were in outages, of hits in all.
func (o *outage) served(hits int64) int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lost {
		return o.sum + hits - o.before
	}
	return o.sum
}
