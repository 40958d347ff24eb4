package tenancy

import (
	"context"
	"iter"
)

// Lister is the part of a Store that All needs.
type Lister interface {
	List(ctx context.Context, opts ListOptions) (Page, error)
}

// All iterates over every tenant that opts select, in list order, page by page:
// opts.Limit is the page size, MaxPageLimit if 0. Tenants that are created or
// removed meanwhile may be seen or not; no other is seen twice or missed. An
// error is yielded once and ends the iteration.
func All(ctx context.Context, s Lister, opts ListOptions) iter.Seq2[Tenant, error] {
	if opts.Limit == 0 {
		opts.Limit = MaxPageLimit
	}
	return func(yield func(Tenant, error) bool) {
		opts := opts // so that the sequence can be ranged over again
		for {
			page, err := s.List(ctx, opts)
			if err != nil {
				yield(Tenant{}, err)
				return
			}
			for _, t := range page.Tenants {
				if !yield(t, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			opts.Cursor, opts.Offset = page.Next, 0
		}
	}
}
