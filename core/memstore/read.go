package memstore

import (
	"context"
	"slices"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func (b *backend) GetByID(_ context.Context, id string) (tenancy.Tenant, error) {
	return b.get(tenancy.IDKey(id))
}

func (b *backend) GetByIdentifier(_ context.Context, identifier string) (tenancy.Tenant, error) {
	return b.get(tenancy.IdentifierKey(identifier))
}

func (b *backend) get(k tenancy.Key) (tenancy.Tenant, error) {
	b.mu.RLock()
	r := b.find(k)
	b.mu.RUnlock()
	if r == nil {
		return tenancy.Tenant{}, tenancy.ErrNotFound
	}
	return r.Tenant, nil
}

// find returns the record under k, or nil. The caller holds b.mu.
func (b *backend) find(k tenancy.Key) *record {
	if k.Kind == tenancy.KindID {
		return b.byID[k.Value]
	}
	return b.byIdentifier[k.Value]
}

func (b *backend) GetByIDs(_ context.Context, ids []string) ([]tenancy.Tenant, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	out := make([]tenancy.Tenant, 0, len(ids))
	for _, id := range ids {
		if r := b.byID[id]; r != nil {
			out = append(out, r.Tenant)
		}
	}
	return out, nil
}

func (b *backend) Exists(_ context.Context, id string) (bool, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.byID[id] != nil, nil
}

func (b *backend) ListAfter(_ context.Context, opts tenancy.ListOptions, after driver.ListKey) (tenancy.Page, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return driver.PageOf(page(b.indexes(opts.Filter), after, opts.Offset, opts.Limit+1), opts), nil
}

func (b *backend) Count(_ context.Context, filter tenancy.Filter) (int, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	n := 0
	for _, x := range b.indexes(filter) {
		n += x.n
	}
	return n, nil
}

// indexes returns the disjoint indexes that together hold what filter selects.
func (b *backend) indexes(filter tenancy.Filter) []*index {
	if len(filter.Statuses) == 0 {
		return []*index{&b.all}
	}
	var out []*index
	for _, s := range filter.Statuses {
		if x := b.byStatus[s]; x != nil && !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

func (b *backend) Search(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	folded := driver.Fold(query)
	found := driver.TopMatches(func(yield func(driver.Match) bool) {
		for _, x := range b.indexes(opts.Filter) {
			for _, chunk := range x.chunks {
				if ctx.Err() != nil {
					return
				}
				for _, r := range chunk {
					rank := driver.RankOf(r.Identifier, r.foldedName, folded)
					if rank != driver.RankNone && !yield(driver.Match{Tenant: r.Tenant, Rank: rank}) {
						return
					}
				}
			}
		}
	}, opts.Limit)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return found, nil
}
