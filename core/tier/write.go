package tier

import (
	"context"
	"errors"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// wrote is called after each write attempt, failed ones too: the change may have
// been committed all the same, and a conflict means that there is something new to
// read. Only invalid input, and what never reached the database, cannot have changed
// anything: a write that is tried in an outage must not end the service from caches.
// at is the revision of the change, or 0 if that is not known. The innermost tier,
// which every write passes, does what is to be done for the whole stack.
func (s *Store) wrote(ctx context.Context, at tenancy.Revision, err error) {
	if !s.owner || at == 0 && (errors.Is(err, tenancy.ErrInvalid) || errors.Is(err, tenancy.ErrNotApplied)) {
		return
	}
	if s.resets != nil {
		s.resets.add()
	}
	s.follower.afterWrite(ctx, at)
}

// Create implements [tenancy.Store].
func (s *Store) Create(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return write(ctx, s, "Create", func() (tenancy.Tenant, error) { return s.next.Create(ctx, t) })
}

// CreateBatch implements [tenancy.BatchCreator].
func (s *Store) CreateBatch(ctx context.Context, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	return write(ctx, s, "CreateBatch", func() ([]tenancy.CreateResult, error) { return tenancy.CreateBatch(ctx, s.next, ts) })
}

// Update implements [tenancy.Store].
func (s *Store) Update(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return write(ctx, s, "Update", func() (tenancy.Tenant, error) { return s.next.Update(ctx, t) })
}

// SetStatus implements [tenancy.Store].
func (s *Store) SetStatus(ctx context.Context, id string, status tenancy.Status) (tenancy.Tenant, error) {
	return write(ctx, s, "SetStatus", func() (tenancy.Tenant, error) { return s.next.SetStatus(ctx, id, status) })
}

// BulkUpdateStatus implements [tenancy.Store].
func (s *Store) BulkUpdateStatus(ctx context.Context, ids []string, status tenancy.Status) ([]tenancy.Tenant, error) {
	return write(ctx, s, "BulkUpdateStatus", func() ([]tenancy.Tenant, error) { return s.next.BulkUpdateStatus(ctx, ids, status) })
}

// UpdateMetadata implements [tenancy.Store].
func (s *Store) UpdateMetadata(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
	return write(ctx, s, "UpdateMetadata", func() (tenancy.Tenant, error) { return s.next.UpdateMetadata(ctx, id, patch) })
}

// Delete implements [tenancy.Store].
func (s *Store) Delete(ctx context.Context, id string) error {
	_, err := write(ctx, s, "Delete", func() (struct{}, error) { return struct{}{}, s.next.Delete(ctx, id) })
	return err
}

// Purge implements [tenancy.Purger], if the store below does.
func (s *Store) Purge(ctx context.Context, id string) error {
	_, err := write(ctx, s, "Purge", func() (struct{}, error) { return struct{}{}, tenancy.Purge(ctx, s.next, id) })
	return err
}

func write[T any](ctx context.Context, s *Store, op string, do func() (T, error)) (T, error) {
	if err := s.enter(); err != nil {
		var zero T
		return zero, tenancy.ErrorIn(op, tenancy.Key{}, err)
	}
	defer s.leave()
	result, err := do()
	s.wrote(ctx, revisionOf(result), err)
	return result, err
}

// revisionOf returns the largest revision in the result of a write, or 0.
func revisionOf(result any) (newest tenancy.Revision) {
	switch result := result.(type) {
	case tenancy.Tenant:
		newest = result.Revision
	case []tenancy.Tenant:
		for i := range result {
			newest = max(newest, result[i].Revision)
		}
	case []tenancy.CreateResult:
		for i := range result {
			newest = max(newest, result[i].Tenant.Revision)
		}
	}
	return newest
}
