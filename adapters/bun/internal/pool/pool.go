// Package pool limits the connections of a store on a server.
package pool

import (
	"database/sql"
	"strconv"
	"time"
)

const (
	maxConnections = 10_000
	maxAge         = 365 * 24 * time.Hour
)

// Limits are those of the package that opens a database, which describes them.
type Limits struct {
	Size, Overflow           int
	MaxLifetime, MaxIdleTime time.Duration
}

// Wrong returns which field of l is wrong, and why; "" if none is.
func (l Limits) Wrong() (field, reason string) {
	switch {
	case l.Size < 1 || l.Size > maxConnections:
		return "pool.size", "must be from 1 to " + strconv.Itoa(maxConnections)
	case l.Overflow < 0 || l.Overflow > maxConnections:
		return "pool.overflow", "must be from 0 to " + strconv.Itoa(maxConnections)
	case l.MaxLifetime < 0 || l.MaxLifetime > maxAge:
		return "pool.max_lifetime", "must be from 0 to " + maxAge.String()
	case l.MaxIdleTime < 0 || l.MaxIdleTime > maxAge:
		return "pool.max_idle_time", "must be from 0 to " + maxAge.String()
	}
	return "", ""
}

// Set gives db these limits.
func (l Limits) Set(db *sql.DB) {
	db.SetMaxOpenConns(l.Size + l.Overflow)
	db.SetMaxIdleConns(l.Size)
	db.SetConnMaxLifetime(l.MaxLifetime)
	db.SetConnMaxIdleTime(l.MaxIdleTime)
}
