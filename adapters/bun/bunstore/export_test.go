package bunstore

import "context"

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

// WarnOfQueue is what a store that writes does once a minute.
func (s *Store) WarnOfQueue(ctx context.Context, filling bool, limit float64) bool {
	return s.b.common().warnOfQueue(ctx, filling, limit)
}
