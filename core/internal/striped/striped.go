// Package striped counts what happens at every hit of a cache.
package striped

import (
	"sync/atomic"
	"unsafe"
)

// Counter is one number that many goroutines bump. Processors that bump one
// atomic counter take its cache line from each other every time, which costs as
// much as the rest of a hit; so goroutines are spread over several.
type Counter [Lanes]lane

const (
	Lanes = 64 // of a Counter
	bits  = 6
)

// lane has a cache line of its own.
type lane struct {
	atomic.Int64
	_ [56]byte
}

// Add bumps the counter.
func (c *Counter) Add() { c[Lane()].Add(1) }

// Load returns the sum. It never goes back.
func (c *Counter) Load() int64 {
	var sum int64
	for i := range c {
		sum += c[i].Load()
	}
	return sum
}

// Lane returns a number below Lanes that tells goroutines that run at the same time
// apart, and seldom changes for one of them.
func Lane() uint64 {
	// Where the stack is does. The smallest stack has 2 KiB. The factor is 2^64
	// divided by the golden ratio, which spreads them (Knuth, The Art of Computer
	// Programming, section 6.4).
	var here byte
	return uint64(uintptr(unsafe.Pointer(&here))>>11) * 0x9e3779b97f4a7c15 >> (64 - bits)
}
