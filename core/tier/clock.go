package tier

import (
	"sync/atomic"
	"time"
)

// tick is how coarse the clock of the hit path is: reading the system's clock
// costs more than a hit.
const tick = 50 * time.Millisecond

// coarseClock holds the time of its last tick, in nanoseconds since its start.
type coarseClock struct {
	start time.Time
	now   atomic.Int64
}

func newCoarseClock() *coarseClock { return &coarseClock{start: time.Now()} }

func (c *coarseClock) tick() { c.now.Store(int64(time.Since(c.start))) }
