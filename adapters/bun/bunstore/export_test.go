package bunstore

import (
	"context"
	"time"
)

// WithSampleShare is WithSearchIndex that looks at one of share tenants before a
// search, however small the store is; or if share is 0 at none, and uses the
// index whenever it can.
func WithSampleShare(share int) Option {
	return optionFunc(func(c *config) { c.searchIndex, c.sampleShare = true, share })
}

// IndexedSearchText returns the statement that searches by the index, without a
// filter; its parameters are the folded query, the limit and what to look up.
func (s *Store) IndexedSearchText() string { return s.b.common().texts.indexedSearch[filterNone] }

// MigrationLockText takes the lock of migrations in PostgreSQL.
func (s *Store) MigrationLockText() string { return s.b.(*postgres).migrationLockText() }

// WithUpkeep sets how often the store trims and looks for findings, and how full the
// queue of NOTIFY may be, from 0 to 1.
func WithUpkeep(interval time.Duration, queueAlert float64) Option {
	return optionFunc(func(c *config) { c.upkeepInterval, c.queueAlert = interval, queueAlert })
}

// LogFindings is what a store does about once a minute.
func (s *Store) LogFindings(ctx context.Context) { s.b.common().logFindings(ctx) }
