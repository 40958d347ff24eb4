package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

func (s *store) Create(ctx context.Context, t tenancy.Tenant) (created tenancy.Tenant, err error) {
	err = s.write(ctx, func(in engine.Session) error {
		ts, err := s.insertRows(ctx, in, []tenancy.Tenant{t})
		if engine.KindOf(err) == engine.Duplicate {
			return s.whichTaken(ctx, in, t, engine.Owners.ConflictOnCreate, err)
		}
		if err == nil {
			created = ts[0]
		}
		return err
	})
	return created, err
}

// whichTaken says which field of t made a write fail with err. In the same
// transaction there can be no doubt: if it is none, err comes from a constraint
// of somebody else.
func (s *store) whichTaken(ctx context.Context, in engine.Session, t tenancy.Tenant, which func(engine.Owners, tenancy.Tenant) error, err error) error {
	found, probeErr := s.Owners(ctx, in, []string{t.ID}, []string{t.Identifier})
	return cmp.Or(probeErr, which(found, t), err)
}

// insertRows inserts ts and returns them as stored, in order.
func (s *store) insertRows(ctx context.Context, in engine.Session, ts []tenancy.Tenant) ([]tenancy.Tenant, error) {
	rows := make([][]any, len(ts))
	ids := make([]string, len(ts))
	for i, t := range ts {
		databaseURL, err := s.Seal(t.ID, t.DatabaseURL.Reveal())
		if err != nil {
			return nil, err
		}
		ids[i] = t.ID
		rows[i] = []any{
			t.ID, t.Identifier, t.Name, driver.Fold(t.Name), t.Status, t.Isolation,
			databaseURL, t.SchemaName, t.Metadata.String(), t.CreatedAt.UnixMicro(), t.UpdatedAt.UnixMicro(),
		}
	}
	data, err := json.Marshal(rows)
	if err != nil {
		return nil, err
	}
	if _, err := in.Exec(ctx, s.insert, string(data)); err != nil {
		return nil, err
	}
	return s.readBack(ctx, in, ids)
}

// readBack returns the tenants with ids as they are now, in that order.
func (s *store) readBack(ctx context.Context, in engine.Session, ids []string) ([]tenancy.Tenant, error) {
	list, err := s.Array(ids)
	if err != nil {
		return nil, err
	}
	found, err := in.Tenants(ctx, len(ids), s.Texts.ByIDs, list)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]tenancy.Tenant, len(found))
	for _, t := range found {
		byID[t.ID] = t
	}
	out := make([]tenancy.Tenant, len(ids))
	for i, id := range ids {
		t, ok := byID[id]
		if !ok {
			return nil, &engine.Failure{Reason: tenancy.ErrUnavailable, Text: "a trigger removed the row that was written", Cause: sql.ErrNoRows}
		}
		out[i] = t
	}
	return out, nil
}

// CreateBatch implements driver.BatchCreator with three statements, whatever
// the number of tenants.
func (s *store) CreateBatch(ctx context.Context, ts []tenancy.Tenant) (results []tenancy.CreateResult, err error) {
	if len(ts) == 0 {
		return nil, nil
	}
	err = s.write(ctx, func(in engine.Session) (err error) {
		results, err = s.createBatch(ctx, in, ts)
		return err
	})
	if k := engine.KindOf(err); err != nil && (k == engine.Duplicate || k == engine.Refused) {
		return driver.CreateEach(ctx, s.Create, ts) // a constraint of somebody else: find out whose tenant it hits
	}
	return results, err
}

func (s *store) createBatch(ctx context.Context, in engine.Session, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	found, err := s.Owners(ctx, in, engine.IDsOf(ts), engine.IdentifiersOf(ts))
	if err != nil {
		return nil, err
	}
	results := make([]tenancy.CreateResult, len(ts))
	var fresh []tenancy.Tenant
	for i, t := range ts {
		if results[i].Err = found.ConflictOnCreate(t); results[i].Err == nil {
			fresh = append(fresh, t)
		}
	}
	created, err := s.insertRows(ctx, in, fresh)
	if err != nil {
		return nil, err
	}
	for i := range results {
		if results[i].Err == nil {
			results[i].Tenant, created = created[0], created[1:]
		}
	}
	return results, nil
}

func (s *store) Update(ctx context.Context, t tenancy.Tenant) (updated tenancy.Tenant, err error) {
	err = s.write(ctx, func(in engine.Session) error {
		databaseURL, err := s.SealForUpdate(ctx, in, t)
		if err != nil {
			return err
		}
		if err := s.KeepFormer(ctx, in, t.ID, t.Identifier); err != nil {
			return err
		}
		n, err := in.Exec(ctx, s.put, t.ID, time.Now().UnixMicro(),
			t.Identifier, t.Name, driver.Fold(t.Name), string(t.Status), string(t.Isolation),
			databaseURL, t.SchemaName, t.Metadata.String(), int64(t.Revision), t.Mark)
		if engine.KindOf(err) == engine.Duplicate {
			return s.whichTaken(ctx, in, t, engine.Owners.ConflictOnUpdate, err)
		}
		if err != nil {
			return err
		}
		stored, err := in.Tenant(ctx, s.Texts.ByID, t.ID)
		if err != nil {
			return err
		}
		if n == 0 {
			return tenancy.ErrConflict
		}
		updated = stored
		return nil
	})
	return updated, err
}

func (s *store) BulkUpdateStatus(ctx context.Context, ids []string, status tenancy.Status) (ts []tenancy.Tenant, err error) {
	list, err := s.Array(ids)
	if err != nil {
		return nil, err
	}
	err = s.write(ctx, func(in engine.Session) error {
		var latest engine.Instant
		if _, err := in.One(ctx, s.newest, []any{list}, &latest); err != nil {
			return err
		}
		at := driver.NextUpdate(time.Time(latest), time.Now())
		if _, err := in.Exec(ctx, s.status, list, string(status), at.UnixMicro()); err != nil {
			return err
		}
		ts, err = in.Tenants(ctx, len(ids), s.Texts.ByIDs, list)
		return err
	})
	return ts, err
}

func (s *store) UpdateMetadata(ctx context.Context, id string, patch tenancy.Metadata) (t tenancy.Tenant, err error) {
	err = s.write(ctx, func(in engine.Session) error {
		if t, err = in.Tenant(ctx, s.Texts.ByID, id); err != nil {
			return err
		}
		merged, err := t.Metadata.Merge(patch)
		if err != nil || merged == t.Metadata {
			return err
		}
		if err := s.MetadataCheck.Judge(merged); err != nil {
			return err
		}
		if _, err := in.Exec(ctx, s.merge, id, time.Now().UnixMicro(), merged.String()); err != nil {
			return err
		}
		t, err = in.Tenant(ctx, s.Texts.ByID, id)
		return err
	})
	if err != nil {
		return tenancy.Tenant{}, err
	}
	return t, nil
}

// ReplaceSecret implements backend.
func (s *store) ReplaceSecret(ctx context.Context, old engine.StoredSecret, text string) (replaced bool, err error) {
	err = s.write(ctx, func(in engine.Session) error {
		n, err := in.Exec(ctx, s.secret, old.ID, time.Now().UnixMicro(), text, old.Text)
		replaced = n > 0
		return err
	})
	return replaced, err
}

func (s *store) Delete(ctx context.Context, id string) error {
	if !s.SoftDelete {
		return s.Purge(ctx, id)
	}
	return s.write(ctx, func(in engine.Session) error {
		t, err := in.Tenant(ctx, s.Texts.ByID, id)
		if err != nil || t.Status == tenancy.StatusDeleted {
			return err
		}
		list, err := s.Array([]string{id})
		if err != nil {
			return err
		}
		at := driver.NextUpdate(t.UpdatedAt, time.Now())
		_, err = in.Exec(ctx, s.status, list, string(tenancy.StatusDeleted), at.UnixMicro())
		return err
	})
}

func (s *store) Purge(ctx context.Context, id string) error {
	return s.write(ctx, func(in engine.Session) error {
		n, err := in.Exec(ctx, s.remove, id)
		if err == nil && n == 0 {
			err = tenancy.ErrNotFound
		}
		return err
	})
}
