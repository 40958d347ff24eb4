package replica

import (
	"context"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// memory is what a replica holds as a backend, so that options are checked and completed
// as everywhere. Nothing is written through it.
type memory struct {
	driver.Backend
	s *Store
}

var (
	_ driver.ManyGetter = memory{}
	_ driver.Counter    = memory{}
	_ driver.Searcher   = memory{}
)

func (m memory) GetByIDs(_ context.Context, ids []string) ([]tenancy.Tenant, error) {
	m.s.mu.RLock()
	defer m.s.mu.RUnlock()
	out := make([]tenancy.Tenant, 0, len(ids))
	for _, id := range ids {
		if r := m.s.table.Find(tenancy.IDKey(id)); r != nil {
			out = append(out, r.Tenant)
		}
	}
	return out, nil
}

func (m memory) ListAfter(_ context.Context, opts tenancy.ListOptions, after driver.ListKey) (tenancy.Page, error) {
	m.s.mu.RLock()
	defer m.s.mu.RUnlock()
	page := m.s.index.Page(opts, after)
	page.AsOf = m.s.at
	return page, nil
}

func (m memory) Count(_ context.Context, filter tenancy.Filter) (int, error) {
	m.s.mu.RLock()
	defer m.s.mu.RUnlock()
	return m.s.index.Count(filter), nil
}

func (m memory) Search(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
	m.s.mu.RLock()
	defer m.s.mu.RUnlock()
	return m.s.index.Search(ctx, query, opts)
}

func (m memory) Close() error { return nil }

// GetByIDs implements [tenancy.Store].
func (s *Store) GetByIDs(ctx context.Context, ids []string) ([]tenancy.Tenant, error) {
	return read(ctx, s, "GetByIDs", func(ctx context.Context, from tenancy.Store) ([]tenancy.Tenant, error) {
		return from.GetByIDs(ctx, ids)
	})
}

// List implements [tenancy.Store].
func (s *Store) List(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
	return read(ctx, s, "List", func(ctx context.Context, from tenancy.Store) (tenancy.Page, error) { return from.List(ctx, opts) })
}

// Count implements [tenancy.Store].
func (s *Store) Count(ctx context.Context, filter tenancy.Filter) (int, error) {
	return read(ctx, s, "Count", func(ctx context.Context, from tenancy.Store) (int, error) { return from.Count(ctx, filter) })
}

// Search implements [tenancy.Store].
func (s *Store) Search(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
	return read(ctx, s, "Search", func(ctx context.Context, from tenancy.Store) ([]tenancy.Tenant, error) {
		return from.Search(ctx, query, opts)
	})
}

// read reads from memory if that may be served. Else it reads from the source, and then
// follows the log, so that later reads are not older.
func read[T any](ctx context.Context, s *Store, op string, do func(ctx context.Context, from tenancy.Store) (T, error)) (T, error) {
	if s.reader.Serving() {
		if result, err := do(ctx, s.memory); s.reader.Serving() { // else memory was emptied, perhaps
			return result, err
		}
	}
	return follow.Call(ctx, &s.Decorator, op, func(ctx context.Context) (T, error) {
		result, err := do(ctx, s.source)
		if s.stats.below.Add(1); err == nil && !s.isRefused() && !s.reader.Restoring() {
			if err = s.reader.Follow(ctx); err == nil {
				err = s.reader.Settle(ctx)
			}
		}
		return result, err
	})
}
