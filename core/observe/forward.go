package observe

import (
	"context"
	"errors"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// GetByIDs implements [tenancy.Store].
func (s *Store) GetByIDs(ctx context.Context, ids []string) ([]tenancy.Tenant, error) {
	return each(ctx, s, GetByIDs, func(ctx context.Context) ([]tenancy.Tenant, error) { return s.next.GetByIDs(ctx, ids) })
}

// List implements [tenancy.Store].
func (s *Store) List(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
	return each(ctx, s, List, func(ctx context.Context) (tenancy.Page, error) { return s.next.List(ctx, opts) })
}

// Count implements [tenancy.Store].
func (s *Store) Count(ctx context.Context, filter tenancy.Filter) (int, error) {
	return each(ctx, s, Count, func(ctx context.Context) (int, error) { return s.next.Count(ctx, filter) })
}

// Search implements [tenancy.Store].
func (s *Store) Search(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
	return each(ctx, s, Search, func(ctx context.Context) ([]tenancy.Tenant, error) { return s.next.Search(ctx, query, opts) })
}

// Create implements [tenancy.Store].
func (s *Store) Create(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return each(ctx, s, Create, func(ctx context.Context) (tenancy.Tenant, error) { return s.next.Create(ctx, t) })
}

// CreateBatch implements [tenancy.BatchCreator]. What becomes of the single
// tenants is no outcome of it.
func (s *Store) CreateBatch(ctx context.Context, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	return each(ctx, s, CreateBatch, func(ctx context.Context) ([]tenancy.CreateResult, error) {
		return tenancy.CreateBatch(ctx, s.next, ts)
	})
}

// Update implements [tenancy.Store].
func (s *Store) Update(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return each(ctx, s, Update, func(ctx context.Context) (tenancy.Tenant, error) { return s.next.Update(ctx, t) })
}

// SetStatus implements [tenancy.Store].
func (s *Store) SetStatus(ctx context.Context, id string, status tenancy.Status) (tenancy.Tenant, error) {
	return each(ctx, s, SetStatus, func(ctx context.Context) (tenancy.Tenant, error) { return s.next.SetStatus(ctx, id, status) })
}

// BulkUpdateStatus implements [tenancy.Store].
func (s *Store) BulkUpdateStatus(ctx context.Context, ids []string, status tenancy.Status) ([]tenancy.Tenant, error) {
	return each(ctx, s, BulkUpdateStatus, func(ctx context.Context) ([]tenancy.Tenant, error) {
		return s.next.BulkUpdateStatus(ctx, ids, status)
	})
}

// UpdateMetadata implements [tenancy.Store].
func (s *Store) UpdateMetadata(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
	return each(ctx, s, UpdateMetadata, func(ctx context.Context) (tenancy.Tenant, error) {
		return s.next.UpdateMetadata(ctx, id, patch)
	})
}

// Delete implements [tenancy.Store].
func (s *Store) Delete(ctx context.Context, id string) error {
	_, err := each(ctx, s, Delete, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.next.Delete(ctx, id) })
	return err
}

// Purge implements [tenancy.Purger], if the store below does.
func (s *Store) Purge(ctx context.Context, id string) error {
	_, err := each(ctx, s, Purge, func(ctx context.Context) (struct{}, error) { return struct{}{}, tenancy.Purge(ctx, s.next, id) })
	return err
}

// Bounds implements [tenancy.Log], if the store below does.
func (s *Store) Bounds(ctx context.Context) (tenancy.Bounds, error) {
	if s.source == nil {
		return tenancy.Bounds{}, unsupported("Head")
	}
	return each(ctx, s, Head, s.source.Bounds)
}

// Load implements [tenancy.Log], if the store below does.
func (s *Store) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	if s.source == nil {
		return nil, unsupported("Load")
	}
	return each(ctx, s, Load, func(ctx context.Context) ([]tenancy.Versioned, error) { return s.source.Load(ctx, want) })
}

// Changes implements [tenancy.Log], if the store below does.
func (s *Store) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	if s.source == nil {
		return nil, unsupported("Changes")
	}
	return each(ctx, s, Changes, func(ctx context.Context) ([]tenancy.Change, error) { return s.source.Changes(ctx, after, limit) })
}

// Wait implements [tenancy.Log], if the store below does. It is not observed.
func (s *Store) Wait(ctx context.Context, after tenancy.Position) error {
	if s.source == nil {
		return unsupported("Wait")
	}
	return s.source.Wait(ctx, after)
}

func unsupported(op string) error {
	return &tenancy.Error{Op: op, Err: errors.ErrUnsupported}
}
