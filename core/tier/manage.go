package tier

import (
	"context"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// InvalidateAll makes everything that the local tiers of the stack hold in this
// process unservable at once, and removes this tier's entries. It returns how many
// there were, or -1 where the cache does not know. Another tier that is shared keeps
// what is current by the log, and so do the local caches of other processes: [Walk]
// leads to every tier of this one.
func (s *Store) InvalidateAll(ctx context.Context) (int64, error) {
	return read(ctx, s, "InvalidateAll", func(ctx context.Context) (int64, error) {
		s.stack.flushed.Add(1)
		s.cfg.logger.Info("tenancy: caches flushed on request")
		s.stack.flush()
		n, err := s.cache.InvalidateAll(ctx)
		if s.shared { // until it was removed, local tiers were filled with it
			s.stack.flush()
		}
		return n, err
	})
}

// Warm fills the cache with the newest tenants of the store, at most limit, under
// both keys, a page at a time; a cold start then costs no miss for them. It returns
// how many it loaded.
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
