package tier

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Create implements [tenancy.Store].
func (s *Store) Create(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return write(ctx, s, "Create", func(ctx context.Context) (tenancy.Tenant, error) { return s.Next.Create(ctx, t) })
}

// CreateBatch implements [tenancy.Store].
func (s *Store) CreateBatch(ctx context.Context, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	return write(ctx, s, "CreateBatch", func(ctx context.Context) ([]tenancy.CreateResult, error) {
		return s.Next.CreateBatch(ctx, ts)
	})
}

// Update implements [tenancy.Store].
func (s *Store) Update(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return write(ctx, s, "Update", func(ctx context.Context) (tenancy.Tenant, error) { return s.Next.Update(ctx, t) })
}

// SetStatus implements [tenancy.Store].
func (s *Store) SetStatus(ctx context.Context, id string, status tenancy.Status) (tenancy.Tenant, error) {
	return write(ctx, s, "SetStatus", func(ctx context.Context) (tenancy.Tenant, error) {
		return s.Next.SetStatus(ctx, id, status)
	})
}

// BulkUpdateStatus implements [tenancy.Store].
func (s *Store) BulkUpdateStatus(ctx context.Context, ids []string, status tenancy.Status) ([]tenancy.Tenant, error) {
	return write(ctx, s, "BulkUpdateStatus", func(ctx context.Context) ([]tenancy.Tenant, error) {
		return s.Next.BulkUpdateStatus(ctx, ids, status)
	})
}

// UpdateMetadata implements [tenancy.Store].
func (s *Store) UpdateMetadata(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
	t, err := write(ctx, s, "UpdateMetadata", func(ctx context.Context) (patched, error) {
		t, err := s.Next.UpdateMetadata(ctx, id, patch)
		return patched(t), err
	})
	return tenancy.Tenant(t), err
}

// Delete implements [tenancy.Store].
func (s *Store) Delete(ctx context.Context, id string) error {
	_, err := write(ctx, s, "Delete", func(ctx context.Context) (deletion, error) { return deletion(id), s.Next.Delete(ctx, id) })
	return err
}

// Purge implements [tenancy.Store].
func (s *Store) Purge(ctx context.Context, id string) error {
	_, err := write(ctx, s, "Purge", func(ctx context.Context) (deletion, error) {
		return deletion(id), s.Next.Purge(ctx, id)
	})
	return err
}

// The results of the writes that log nothing where nothing is to be done.
type (
	patched  tenancy.Tenant // its metadata, or its names
	deletion string         // the tenant's ID
)

func write[T any](ctx context.Context, s *Store, op string, do func(ctx context.Context) (T, error)) (result T, err error) {
	call, err := s.calls.Enter(ctx)
	defer func() {
		call.Leave(&err)
		err = driver.ErrorIn(op, tenancy.Key{}, err)
	}()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil { // nothing is written, so there is nothing to follow
		return result, err
	}
	before := s.reader.Position()
	result, err = do(call)
	if unlogged := s.wrote(call, before, result, err); unlogged != nil {
		var none T
		return none, unlogged
	}
	return result, err
}

// wrote is called after each write attempt, failed ones too: the change may have
// been committed all the same, and a conflict means that there is something new to
// read. Only invalid input, and what never reached the database, cannot have changed
// anything: a write that is tried in an outage must not end the service from caches.
// before is how far the log was followed before the attempt. It fails if
// the log does not show what was written.
func (s *Store) wrote(ctx context.Context, before tenancy.Position, result any, err error) error {
	written := positionsOf(result, err)
	if len(written) == 0 && (errors.Is(err, tenancy.ErrInvalid) || errors.Is(err, tenancy.ErrNotApplied)) {
		return nil
	}
	if s.resets != nil {
		s.resets.add()
		written = nil // the log of this process knows nothing of them
	}
	var newest tenancy.Position
	for _, p := range written {
		if p.Revision > newest.Revision {
			newest = p
		}
	}
	if s.reader.Wrote(ctx, newest) != nil { // loads that are under way are for nobody who comes later
		s.reader.Hold(func(tenancy.Position) { s.fence.Store(s.fence.Load().nextEpoch()) })
		return nil
	}
	if s.resets != nil || s.isLogged(ctx, before, written, result, err) {
		return nil
	}
	s.stats.unlogged.Add(1)
	s.cfg.logger.Error("tenancy: the change log does not show a write; caches flushed", "error", errUnlogged)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyTimeout)
	defer cancel()
	if _, err := s.empty(ctx); err != nil { // the log will not say what in them is outdated
		s.shared.stats.errors.Add(1)
	}
	return errUnlogged
}

var errUnlogged = fmt.Errorf("%w: the database has accepted the write, but its change log does not show it: "+
	"the triggers of the database are missing or disabled; run Migrate", tenancy.ErrUnavailable)

// isLogged reports whether the log, which was read, shows what was written, as far as
// that can be told.
func (s *Store) isLogged(ctx context.Context, before tenancy.Position, written []tenancy.Position, result any, err error) bool {
	shown := s.reader.Shows(before, written)
	switch result := result.(type) {
	case deletion:
		return err != nil || s.reader.Position() != before || s.isThere(ctx, string(result))
	case patched:
		return shown || s.reader.Shows(tenancy.Position{}, written) && s.asCached(ctx, tenancy.Tenant(result))
	}
	return shown
}

// asCached reports whether no cache has other metadata of t as of the same change.
func (s *Store) asCached(ctx context.Context, t tenancy.Tenant) bool {
	differs := func(e *Entry) bool {
		return e != nil && e.Versioned.Tenant.Position() == t.Position() && e.Versioned.Tenant.Metadata != t.Metadata
	}
	keys := driver.KeysOf(nil, &t)
	if l := s.local.Load(); l != nil && slices.ContainsFunc(keys, func(k tenancy.Key) bool { return differs(l.Get(k)) }) {
		return false
	}
	if s.shared == nil {
		return true
	}
	results, err := s.shared.Get(ctx, keys)
	if err != nil {
		s.shared.stats.errors.Add(1)
		return true
	}
	for i, k := range keys {
		s.release(ctx, &lookup{key: k, token: results[i].Token})
	}
	return !slices.ContainsFunc(results, func(r Result) bool { return differs(r.Entry) })
}

// isThere reports whether the store below has a tenant with this ID. An outage says no
// more than that it may.
func (s *Store) isThere(ctx context.Context, id string) bool {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.loadTimeout)
	defer cancel()
	snapshots, err := s.below.Load(ctx, []tenancy.Lookup{{Key: tenancy.IDKey(id), Min: tenancy.Latest}})
	return err != nil || snapshots[0].Found
}

// positionsOf returns the positions of what a write has changed. A batch may have
// created some tenants before it failed.
func positionsOf(result any, err error) (written []tenancy.Position) {
	switch result := result.(type) {
	case tenancy.Tenant:
		if err == nil {
			written = append(written, result.Position())
		}
	case patched:
		if err == nil {
			written = append(written, tenancy.Tenant(result).Position())
		}
	case []tenancy.Tenant:
		for i := range result {
			if err == nil {
				written = append(written, result[i].Position())
			}
		}
	case []tenancy.CreateResult:
		for i := range result {
			if result[i].Err == nil {
				written = append(written, result[i].Tenant.Position())
			}
		}
	}
	return written
}
