package observe

import (
	"context"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// GetByIDs implements [tenancy.Store].
func (s *Store) GetByIDs(ctx context.Context, ids []string) ([]tenancy.Tenant, error) {
	return each(ctx, s, GetByIDs, func(ctx context.Context) ([]tenancy.Tenant, error) { return s.Next.GetByIDs(ctx, ids) })
}

// List implements [tenancy.Store].
func (s *Store) List(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
	return each(ctx, s, List, func(ctx context.Context) (tenancy.Page, error) { return s.Next.List(ctx, opts) })
}

// Count implements [tenancy.Store].
func (s *Store) Count(ctx context.Context, filter tenancy.Filter) (int, error) {
	return each(ctx, s, Count, func(ctx context.Context) (int, error) { return s.Next.Count(ctx, filter) })
}

// Search implements [tenancy.Store].
func (s *Store) Search(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
	return each(ctx, s, Search, func(ctx context.Context) ([]tenancy.Tenant, error) { return s.Next.Search(ctx, query, opts) })
}

// Create implements [tenancy.Store].
func (s *Store) Create(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return each(ctx, s, Create, func(ctx context.Context) (tenancy.Tenant, error) { return s.Next.Create(ctx, t) })
}

// CreateBatch implements [tenancy.Store]. What becomes of the single
// tenants is no outcome of it.
func (s *Store) CreateBatch(ctx context.Context, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	return each(ctx, s, CreateBatch, func(ctx context.Context) ([]tenancy.CreateResult, error) {
		return s.Next.CreateBatch(ctx, ts)
	})
}

// Update implements [tenancy.Store].
func (s *Store) Update(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return each(ctx, s, Update, func(ctx context.Context) (tenancy.Tenant, error) { return s.Next.Update(ctx, t) })
}

// SetStatus implements [tenancy.Store].
func (s *Store) SetStatus(ctx context.Context, id string, status tenancy.Status) (tenancy.Tenant, error) {
	return each(ctx, s, SetStatus, func(ctx context.Context) (tenancy.Tenant, error) { return s.Next.SetStatus(ctx, id, status) })
}

// BulkUpdateStatus implements [tenancy.Store].
func (s *Store) BulkUpdateStatus(ctx context.Context, ids []string, status tenancy.Status) ([]tenancy.Tenant, error) {
	return each(ctx, s, BulkUpdateStatus, func(ctx context.Context) ([]tenancy.Tenant, error) {
		return s.Next.BulkUpdateStatus(ctx, ids, status)
	})
}

// UpdateMetadata implements [tenancy.Store].
func (s *Store) UpdateMetadata(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
	return each(ctx, s, UpdateMetadata, func(ctx context.Context) (tenancy.Tenant, error) {
		return s.Next.UpdateMetadata(ctx, id, patch)
	})
}

// Delete implements [tenancy.Store].
func (s *Store) Delete(ctx context.Context, id string) error {
	_, err := each(ctx, s, Delete, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.Next.Delete(ctx, id) })
	return err
}

// Purge implements [tenancy.Store].
func (s *Store) Purge(ctx context.Context, id string) error {
	_, err := each(ctx, s, Purge, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.Next.Purge(ctx, id) })
	return err
}

// Bounds implements [tenancy.Log].
func (s *Store) Bounds(ctx context.Context) (tenancy.Bounds, error) {
	return each(ctx, s, Bounds, s.Decorator.Bounds)
}

// Load implements [tenancy.Source].
func (s *Store) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	return each(ctx, s, Load, func(ctx context.Context) ([]tenancy.Versioned, error) { return s.Decorator.Load(ctx, want) })
}

// Changes implements [tenancy.Log].
func (s *Store) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	return each(ctx, s, Changes, func(ctx context.Context) ([]tenancy.Change, error) { return s.Decorator.Changes(ctx, after, limit) })
}
