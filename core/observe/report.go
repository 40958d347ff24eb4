package observe

// A cache or bus may say more of itself than its port in package tier asks for:
//
//   - a cache that has Stats() CacheStats, what it holds and lost
//   - a cache or bus that has BreakerStats() BreakerStats, how it gets on with
//     its server
//   - a bus that has Connected() bool, whether it gets the messages of others

// CacheStats describes what a cache in memory holds, and counts what it lost.
type CacheStats struct {
	Tenants   SpaceStats
	Negatives SpaceStats
}

// SpaceStats describes one of the two spaces of a cache.
type SpaceStats struct {
	Entries  int64 // held now
	Used     int64 // of Capacity
	Capacity int64 // in entries or in bytes, as the cache was told

	// The counts never go back.
	Evictions  int64 // entries that gave way to others
	Rejections int64 // entries that were not kept, because others are used more
	Expired    int64 // entries that were removed because their TTL was over
	Cleared    int64 // entries that InvalidateAll removed
}

// BreakerStats describes the circuit breaker of a cache or bus. The counts never go
// back.
type BreakerStats struct {
	State      BreakerState
	Opened     int64 // changes to BreakerOpen, by a failed probe too
	HalfOpened int64 // changes to BreakerHalfOpen
	Closed     int64 // changes to BreakerClosed
	Failures   int64 // calls that failed
	Refused    int64 // calls that were not made: the breaker was open, or too many were under way
}

// BreakerState says whether a server is used.
type BreakerState int32

// The states of a breaker.
const (
	// BreakerOpen: calls fail at once; a probe will be tried soon. What has not
	// connected yet is open.
	BreakerOpen BreakerState = iota
	// BreakerHalfOpen: calls fail at once; a probe is under way.
	BreakerHalfOpen
	// BreakerClosed: calls go to the server.
	BreakerClosed
)

// String returns the state in lower case.
func (s BreakerState) String() string {
	switch s {
	case BreakerOpen:
		return "open"
	case BreakerHalfOpen:
		return "half-open"
	case BreakerClosed:
		return "closed"
	}
	return "unknown"
}
