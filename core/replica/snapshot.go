package replica

import (
	"context"
	"iter"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Snapshot returns all tenants as of one position of the change log, in the reverse of
// list order. It waits until memory is exactly as of one; it then costs a pointer a
// tenant, and what it yields does not change.
func (s *Store) Snapshot(ctx context.Context) (at tenancy.Position, tenants iter.Seq[tenancy.Tenant], err error) {
	for {
		grown := s.reader.Growth()
		s.mu.RLock()
		at, exact := s.exact()
		exact = exact && s.reader.Serving()
		records := s.index.Records()
		s.mu.RUnlock()
		if exact {
			return at, func(yield func(tenancy.Tenant) bool) {
				for _, r := range records {
					if !yield(r.Tenant) {
						return
					}
				}
			}, nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return at, nil, ctx.Err()
		}
	}
}
