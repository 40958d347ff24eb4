package ristrettotier

import (
	"slices"
	"time"
)

const (
	sweepInterval = time.Minute
	sweepBatch    = 256 // removals between which fills get their turn
)

// sweep removes the entries whose TTL is over, once each interval.
func (c *Cache) sweep() {
	t := time.NewTicker(sweepInterval)
	defer t.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-t.C:
		}
		c.sweepSpace(&c.tenants)
		c.sweepSpace(&c.negatives)
	}
}

func (c *Cache) sweepSpace(s *space) {
	now := c.now()
	over := func(i item) bool { return i.until <= now }
	for batch := range slices.Chunk(s.items(over), sweepBatch) {
		c.change(func() {
			for _, i := range batch {
				if s.remove(c.hash(i.entry.Key), over) {
					s.counts.expired.Add(1)
				}
			}
		})
	}
}
