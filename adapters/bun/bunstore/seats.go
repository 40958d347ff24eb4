package bunstore

import (
	"database/sql"
	"math"
	"sync/atomic"
)

// seats counts the connections of a pool that nobody else uses, so that a read knows
// whether there is one for it without waiting. A nil one knows of none.
type seats struct{ free atomic.Int64 }

func newSeats(db *sql.DB) *seats {
	s := &seats{}
	s.free.Store(math.MaxInt64)
	if n := db.Stats().MaxOpenConnections; n > 0 {
		s.free.Store(int64(n))
	}
	return s
}

// take is called before each use of the pool, and leave after it. It reports whether
// there is a connection at once.
func (s *seats) take() bool { return s != nil && s.free.Add(-1) >= 0 }

func (s *seats) leave() {
	if s != nil {
		s.free.Add(1)
	}
}
