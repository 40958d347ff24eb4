package valkeytier

import "github.com/go-tenancy/tenantstore/core/observe"

// Stats says how a cache gets on with Valkey; the counts are those since it was
// made. What was hit and missed is in the tier's own.
type Stats struct {
	State    observe.BreakerState
	Opened   int64 // how often the breaker opened, but for the start
	InFlight int   // calls under way now
	Failures int64 // calls that failed
	Refused  int64 // calls that were not made: the breaker was open, or too many were under way

	// Values that could not be used, and were replaced.
	WrongType      int64 // no strings
	Corrupt        int64 // altered, cut, or under a wrong key
	UnknownVersion int64 // of a newer release
	Unopened       int64 // with a DatabaseURL that this process cannot open or must not accept
}

// Stats returns the counts, read one by one.
func (c *Cache) Stats() Stats {
	l := c.link
	return Stats{
		State: l.breaker.current(), Opened: l.breaker.opened.Load(), InFlight: int(l.underway.Load()),
		Failures: l.failures.Load(), Refused: l.refused.Load(),
		WrongType: c.flawed[wrongType].Load(), Corrupt: c.flawed[corrupt].Load(),
		UnknownVersion: c.flawed[unknownVersion].Load(), Unopened: c.flawed[unopened].Load(),
	}
}

// BreakerStats describes the breaker of the cache, for metrics.
func (c *Cache) BreakerStats() observe.BreakerStats { return c.link.breakerStats() }

// BreakerStats describes the breaker of Publish, for metrics.
func (b *Bus) BreakerStats() observe.BreakerStats { return b.link.breakerStats() }

func (l *link) breakerStats() observe.BreakerStats {
	b := l.breaker
	return observe.BreakerStats{
		State: b.current(), Opened: b.opened.Load() + b.reopened.Load(),
		HalfOpened: b.halfOpened.Load(), Closed: b.closed.Load(),
		Failures: l.failures.Load(), Refused: l.refused.Load(),
	}
}
