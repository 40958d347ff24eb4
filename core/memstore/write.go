package memstore

import (
	"context"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

func (b *backend) Create(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.create(ctx, t)
}

func (b *backend) CreateBatch(ctx context.Context, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	results := make([]tenancy.CreateResult, len(ts))
	for i, t := range ts {
		results[i].Tenant, results[i].Err = b.create(ctx, t)
	}
	return results, nil
}

func (b *backend) create(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	if b.byID[t.ID] != nil {
		return tenancy.Tenant{}, taken("id")
	}
	if b.byIdentifier[t.Identifier] != nil {
		return tenancy.Tenant{}, taken("identifier")
	}
	b.takeFormer(ctx, t.Identifier)
	return b.put(ctx, tenancy.ChangeCreate, nil, &t, nil), nil
}

func taken(field string) error {
	return &tenancy.Error{Field: field, Err: tenancy.ErrAlreadyExists}
}

func (b *backend) Update(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return b.change(ctx, t.ID, func(old *record) (tenancy.Tenant, error) {
		if t.Revision != tenancy.AnyRevision && t.Position() != old.Position() {
			return t, tenancy.ErrConflict
		}
		if other := b.byIdentifier[t.Identifier]; other != nil && other != old {
			return t, taken("identifier")
		}
		return t, nil
	})
}

func (b *backend) UpdateMetadata(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
	return b.change(ctx, id, func(old *record) (t tenancy.Tenant, err error) {
		t = old.Tenant
		if t.Metadata, err = t.Metadata.Merge(patch); err == nil && t != old.Tenant {
			err = b.check.Judge(t.Metadata)
		}
		return t, err
	})
}

// change replaces a tenant by what edit makes of it.
func (b *backend) change(ctx context.Context, id string, edit func(*record) (tenancy.Tenant, error)) (tenancy.Tenant, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.byID[id]
	if old == nil {
		return tenancy.Tenant{}, tenancy.ErrNotFound
	}
	t, err := edit(old)
	if err != nil {
		return tenancy.Tenant{}, err
	}
	if t == old.Tenant { // what Update is given is never equal: it has no UpdatedAt
		return t, nil
	}
	t.CreatedAt = old.CreatedAt
	t.UpdatedAt = driver.NextUpdate(old.UpdatedAt, time.Now())
	names := old.names
	if t.Identifier != old.Identifier {
		names = b.rename(ctx, old, t.Identifier)
	}
	return b.put(ctx, tenancy.ChangeUpdate, old, &t, names), nil
}

func (b *backend) BulkUpdateStatus(ctx context.Context, ids []string, s tenancy.Status) ([]tenancy.Tenant, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := driver.NormalizeTime(time.Now())
	for _, id := range ids {
		if old := b.byID[id]; old != nil {
			at = driver.NextUpdate(old.UpdatedAt, at)
		}
	}
	out := make([]tenancy.Tenant, 0, len(ids))
	for _, id := range ids {
		if old := b.byID[id]; old != nil {
			t := old.Tenant
			t.Status, t.UpdatedAt = s, at
			out = append(out, b.put(ctx, tenancy.ChangeUpdate, old, &t, old.names))
		}
	}
	return out, nil
}

func (b *backend) Delete(ctx context.Context, id string) error {
	if !b.softDelete {
		return b.Purge(ctx, id)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.byID[id]
	if old == nil {
		return tenancy.ErrNotFound
	}
	if old.Status == tenancy.StatusDeleted {
		return nil
	}
	t := old.Tenant
	t.Status, t.UpdatedAt = tenancy.StatusDeleted, driver.NextUpdate(old.UpdatedAt, time.Now())
	b.put(ctx, tenancy.ChangeUpdate, old, &t, old.names)
	return nil
}

func (b *backend) Purge(ctx context.Context, id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.byID[id]
	if old == nil {
		return tenancy.ErrNotFound
	}
	b.put(ctx, tenancy.ChangeDelete, old, nil, nil)
	return nil
}
