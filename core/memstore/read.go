package memstore

import (
	"context"

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
	switch k.Kind {
	case tenancy.KindID:
		return b.byID[k.Value]
	case tenancy.KindIdentifier:
		return b.byIdentifier[k.Value]
	}
	return b.byName[k]
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
	page := b.index.Page(opts, after)
	page.AsOf = b.log.newest()
	return page, nil
}

func (b *backend) Count(_ context.Context, filter tenancy.Filter) (int, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.index.Count(filter), nil
}

func (b *backend) Search(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.index.Search(ctx, query, opts)
}
