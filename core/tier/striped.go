package tier

import (
	"sync/atomic"
	"unsafe"
)

// counter has a cache line of its own.
type counter struct {
	atomic.Int64
	_ [56]byte
}

// striped counts what happens at every hit. Processors that bump one counter take
// its cache line from each other every time, which costs as much as the rest of a
// hit; so goroutines are spread over several.
type striped [64]counter

func (c *striped) add() {
	// Where the stack is tells goroutines that run at the same time apart, and
	// seldom changes for one of them. The smallest stack has 2 KiB. The factor is
	// 2^64 divided by the golden ratio, which spreads them (Knuth, The Art of
	// Computer Programming, section 6.4).
	var here byte
	h := uint64(uintptr(unsafe.Pointer(&here))>>11) * 0x9e3779b97f4a7c15
	c[h>>58].Add(1)
}

func (c *striped) load() int64 {
	var sum int64
	for i := range c {
		sum += c[i].Load()
	}
	return sum
}
