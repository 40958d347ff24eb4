package ristrettotier

import (
	"runtime"
	"weak"
)

// Close implements [tier.LocalCache]. It stops what the cache does in the background.
// Lookups that are under way return first, later ones find nothing. It runs the
// garbage collector.
func (c *Cache) Close() {
	underway, first := c.retire()
	if !first {
		return
	}
	close(c.stop)
	c.sweeper.Wait()
	// A lookup during ristretto's Close would race with it, and might panic. Those
	// that are under way hold the *lookups: when the collector has taken it, there
	// are none. A lock or a count would tell as well, but every hit would pay.
	for underway.Value() != nil {
		runtime.GC()
	}
	c.tenants.close()
	c.negatives.close()
}

// retire makes the cache look empty from now on, and returns a way to see when the
// lookups under way have returned. It reports whether it is the first time. It is a
// function of its own so that Close itself has never held the *lookups.
func (c *Cache) retire() (weak.Pointer[lookups], bool) {
	c.changing.Lock() // the changes under way have returned
	defer c.changing.Unlock()
	l := c.open.Swap(nil)
	return weak.Make(l), l != nil
}
