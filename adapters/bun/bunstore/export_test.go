package bunstore

import (
	"context"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/postgres"
)

// WithSampleShare is WithSearchIndex that looks at one of share tenants before a
// search, however small the store is; or if share is 0 at none, and uses the
// index whenever it can.
func WithSampleShare(share int) Option {
	return optionFunc(func(c *settings) { c.SearchIndex, c.SampleShare = true, share })
}

// IndexedSearchText returns the statement that searches by the index, without a
// filter; its parameters are the folded query, the limit and what to look up.
func (s *Store) IndexedSearchText() string {
	return s.engine.Common().Texts.IndexedSearch[engine.FilterNone]
}

// MigrationLockText takes the lock of migrations in PostgreSQL.
func (s *Store) MigrationLockText() string { return postgres.MigrationLockText(s.common().Names) }

// WithUpkeep sets how often the store trims and looks for findings, and how full the
// queue of NOTIFY may be, from 0 to 1.
func WithUpkeep(interval time.Duration, queueAlert float64) Option {
	return optionFunc(func(c *settings) { c.UpkeepInterval, c.QueueAlert = interval, queueAlert })
}

// LogFindings is what a store does about once a minute.
func (s *Store) LogFindings(ctx context.Context) { s.engine.Common().LogFindings(ctx) }
