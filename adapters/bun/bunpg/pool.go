package bunpg

import "time"

// Pool describes the connections that a store keeps. The one on which Watch
// listens comes on top.
type Pool struct {
	// Size is how many connections are kept open while idle: 10,000 at most, as
	// Overflow.
	Size int
	// Overflow is how many more may be opened at busy times. A call that finds
	// all of Size+Overflow busy waits for one until its context ends.
	Overflow int
	// MaxLifetime is the age at which a connection is replaced, so that load
	// moves to new servers; 0 means never. A year at most, as MaxIdleTime.
	MaxLifetime time.Duration
	// MaxIdleTime is how long a connection may idle before it is closed; 0 means
	// for ever.
	MaxIdleTime time.Duration
}

// DefaultPool is 8 connections and 8 more at busy times, each for half an hour,
// idle for at most five minutes.
func DefaultPool() Pool {
	return Pool{Size: 8, Overflow: 8, MaxLifetime: 30 * time.Minute, MaxIdleTime: 5 * time.Minute}
}
