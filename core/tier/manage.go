package tier

import (
	"context"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// List implements [tenancy.Store]; it is not cached.
func (s *Store) List(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
	return follow.Call(ctx, &s.Decorator, "List", func(ctx context.Context) (tenancy.Page, error) { return s.Next.List(ctx, opts) })
}

// Count implements [tenancy.Store]; it is not cached.
func (s *Store) Count(ctx context.Context, filter tenancy.Filter) (int, error) {
	return follow.Call(ctx, &s.Decorator, "Count", func(ctx context.Context) (int, error) { return s.Next.Count(ctx, filter) })
}

// Search implements [tenancy.Store]; it is not cached.
func (s *Store) Search(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
	return follow.Call(ctx, &s.Decorator, "Search", func(ctx context.Context) ([]tenancy.Tenant, error) { return s.Next.Search(ctx, query, opts) })
}

// InvalidateAll makes everything that the local cache holds unservable at once, and removes
// the entries of both caches. It returns how many there were, or -1 if a cache does not
// know. The local caches of other processes keep their entries, which are current by the
// log.
func (s *Store) InvalidateAll(ctx context.Context) (int64, error) {
	return follow.Call(ctx, &s.Decorator, "InvalidateAll", func(ctx context.Context) (int64, error) {
		s.stats.flushed.Add(1)
		s.cfg.logger.Info("tenancy: caches flushed on request")
		return s.empty(ctx)
	})
}

// empty flushes, and removes the entries of both caches.
func (s *Store) empty(ctx context.Context) (n int64, err error) {
	s.flush()
	if s.shared != nil {
		n, err = s.shared.InvalidateAll(ctx)
		s.flush() // until it was empty, the local one was filled with it
	}
	if l := s.local.Load(); l != nil {
		if removed := l.InvalidateAll(); removed < 0 || n < 0 {
			n = -1
		} else {
			n += removed
		}
	}
	return n, err
}

// flush makes everything that the local cache holds so far unservable, and what the shared
// one holds from before the newest change.
func (s *Store) flush() {
	s.reader.Hold(func(at tenancy.Position) {
		fence := s.fence.Load().nextEpoch()
		if !at.IsZero() {
			fence = fence.raised(at.Revision)
		}
		s.fence.Store(fence)
	})
}

// Warm fills the caches with the newest tenants of the store, at most limit, under both
// keys, a page at a time, so that they cost no miss after a start. It returns how many it
// loaded.
func (s *Store) Warm(ctx context.Context, filter tenancy.Filter, limit int) (int, error) {
	const pageSize = 500
	opts := tenancy.ListOptions{Filter: filter}
	for n := 0; ; {
		opts.Limit = min(pageSize, limit-n)
		if opts.Limit <= 0 {
			return n, nil
		}
		page, err := s.List(ctx, opts)
		if err != nil {
			return n, err
		}
		want := make([]tenancy.Lookup, 0, 2*len(page.Tenants))
		for _, t := range page.Tenants {
			want = append(want, tenancy.Lookup{Key: tenancy.IDKey(t.ID)}, tenancy.Lookup{Key: tenancy.IdentifierKey(t.Identifier)})
		}
		if _, err := s.loadAll(ctx, want); err != nil {
			return n, driver.ErrorIn("Warm", tenancy.Key{}, err)
		}
		n += len(page.Tenants)
		if page.Next == "" {
			return n, nil
		}
		opts.Cursor = page.Next
	}
}
