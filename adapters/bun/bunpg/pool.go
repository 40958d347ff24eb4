package bunpg

import (
	"database/sql"
	"time"
)

// Pool describes the connections that a store keeps. The one on which Watch
// listens comes on top.
type Pool struct {
	// Size is how many connections are kept open while idle.
	Size int
	// Overflow is how many more may be opened at busy times. A call that finds
	// all of Size+Overflow busy waits for one until its context ends.
	Overflow int
	// MaxLifetime is the age at which a connection is replaced, so that load
	// moves to new servers; 0 means never.
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

func (p Pool) validate() error {
	switch {
	case p.Size < 1:
		return invalid("pool.size", "must be at least 1")
	case p.Overflow < 0:
		return invalid("pool.overflow", "must not be negative")
	case p.MaxLifetime < 0:
		return invalid("pool.max_lifetime", "must not be negative")
	case p.MaxIdleTime < 0:
		return invalid("pool.max_idle_time", "must not be negative")
	}
	return nil
}

func (p Pool) set(db *sql.DB) {
	db.SetMaxOpenConns(p.Size + p.Overflow)
	db.SetMaxIdleConns(p.Size)
	db.SetConnMaxLifetime(p.MaxLifetime)
	db.SetConnMaxIdleTime(p.MaxIdleTime)
}
