package engine

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Serial is the writes of a database in which a transaction that writes keeps all other
// writers of tenants out: so it may read first, and decide in Go. It reads the result
// back, because RETURNING, where there is one, shows a row as it was before the triggers
// stamped it.
type Serial struct {
	*Base
	Writes SerialTexts
	// Write runs f in such a transaction, again while others are in the way.
	Write func(ctx context.Context, f func(Session) error) error
}

// SerialTexts are the statements of a Serial, with numbered parameters. Times are bound as
// microseconds since 1970.
type SerialTexts struct {
	Own, OwnMany string // read what is about to be written, or was: by id; by ids
	Insert       string // rows of a JSON array
	Put          string // replaces every mutable field
	Status       string
	StatusOfMany string // by ids; sets updated_at too
	Merge        string
	Secret       string // replaces a database_url
	Newest       string // latest updated_at
	Remove       string
	// Free deletes former identifiers, but for those of a tenant: by identifiers, id. It is for
	// what fails as Former; where triggers do so, nothing does.
	Free string
}

// Create implements driver.Backend.
func (s *Serial) Create(ctx context.Context, t tenancy.Tenant) (created tenancy.Tenant, err error) {
	err = s.Write(ctx, func(in Session) error {
		ts, err := s.insertRows(ctx, in, []tenancy.Tenant{t})
		if KindOf(err) == Duplicate {
			return s.whichTaken(ctx, in, t, Owners.ConflictOnCreate, err)
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
func (s *Serial) whichTaken(ctx context.Context, in Session, t tenancy.Tenant, which func(Owners, tenancy.Tenant) error, err error) error {
	found, probeErr := s.Owners(ctx, in, []string{t.ID}, []string{t.Identifier})
	return cmp.Or(probeErr, which(found, t), err)
}

// insertRows inserts ts and returns them as stored, in order.
func (s *Serial) insertRows(ctx context.Context, in Session, ts []tenancy.Tenant) ([]tenancy.Tenant, error) {
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
	for len(rows) > 0 {
		data, n, err := firstRows(rows)
		if err != nil {
			return nil, err
		}
		if _, err := s.freeing(ctx, in, "", IdentifiersOf(ts), s.Writes.Insert, string(data)); err != nil {
			return nil, err
		}
		rows = rows[n:]
	}
	return s.readBack(ctx, in, ids)
}

// freeing runs a statement that gives tenants these identifiers. If another tenant had one
// of them, other than that with this ID, it has had it: which is a change of that tenant.
func (s *Serial) freeing(ctx context.Context, in Session, id string, identifiers []string, text string, args ...any) (int64, error) {
	n, err := in.Exec(ctx, text, args...)
	if KindOf(err) != Former {
		return n, err
	}
	list, err := s.Array(identifiers)
	if err == nil {
		_, err = in.Counting(nil).Exec(ctx, s.Writes.Free, list, id)
	}
	if err != nil {
		return 0, err
	}
	return in.Exec(ctx, text, args...)
}

// maxInserted is how much one statement inserts, in bytes: servers of MySQL take 16 MB.
const maxInserted = 4 << 20

// firstRows returns as many of the first rows as one statement takes, but one at least,
// as a JSON array.
func firstRows(rows [][]any) (data []byte, n int, err error) {
	data = []byte{'['}
	for n < len(rows) {
		row, err := json.Marshal(rows[n])
		if err != nil {
			return nil, 0, err
		}
		if n > 0 {
			if len(data)+len(row) > maxInserted {
				break
			}
			data = append(data, ',')
		}
		data = append(data, row...)
		n++
	}
	return append(data, ']'), n, nil
}

// readBack returns the tenants with ids as they are now, in that order.
func (s *Serial) readBack(ctx context.Context, in Session, ids []string) ([]tenancy.Tenant, error) {
	list, err := s.Array(ids)
	if err != nil {
		return nil, err
	}
	found, err := in.Tenants(ctx, len(ids), s.Writes.OwnMany, list)
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
			return nil, &Failure{Reason: tenancy.ErrUnavailable, Text: "a trigger removed the row that was written", Cause: sql.ErrNoRows}
		}
		out[i] = t
	}
	return out, nil
}

// CreateBatch implements driver.BatchCreator with three statements, or as many more as
// their size takes.
func (s *Serial) CreateBatch(ctx context.Context, ts []tenancy.Tenant) (results []tenancy.CreateResult, err error) {
	if len(ts) == 0 {
		return nil, nil
	}
	err = s.Write(ctx, func(in Session) (err error) {
		results, err = s.createBatch(ctx, in, ts)
		return err
	})
	if k := KindOf(err); err != nil && (k == Duplicate || k == Refused) {
		return driver.CreateEach(ctx, s.Create, ts) // a constraint of somebody else: find out whose tenant it hits
	}
	return results, err
}

func (s *Serial) createBatch(ctx context.Context, in Session, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	found, err := s.Owners(ctx, in, IDsOf(ts), IdentifiersOf(ts))
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

// Update implements driver.Backend.
func (s *Serial) Update(ctx context.Context, t tenancy.Tenant) (updated tenancy.Tenant, err error) {
	err = s.Write(ctx, func(in Session) error {
		databaseURL, err := s.SealForUpdate(ctx, in, t)
		if err != nil {
			return err
		}
		if err := s.KeepFormer(ctx, in.Counting(nil), t.ID, t.Identifier); err != nil {
			return err
		}
		n, err := s.freeing(ctx, in, t.ID, []string{t.Identifier}, s.Writes.Put, t.ID, time.Now().UnixMicro(),
			t.Identifier, t.Name, driver.Fold(t.Name), string(t.Status), string(t.Isolation),
			databaseURL, t.SchemaName, t.Metadata.String(), int64(t.Revision), t.Mark)
		if KindOf(err) == Duplicate {
			return s.whichTaken(ctx, in, t, Owners.ConflictOnUpdate, err)
		}
		if err != nil {
			return err
		}
		stored, err := in.Tenant(ctx, s.Writes.Own, t.ID)
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

// SetStatus implements driver.StatusSetter.
func (s *Serial) SetStatus(ctx context.Context, id string, status tenancy.Status) (t tenancy.Tenant, err error) {
	err = s.Write(ctx, func(in Session) error {
		if _, err := in.Exec(ctx, s.Writes.Status, id, time.Now().UnixMicro(), string(status)); err != nil {
			return err
		}
		t, err = in.Tenant(ctx, s.Writes.Own, id)
		return err
	})
	if err != nil {
		return tenancy.Tenant{}, err
	}
	return t, nil
}

// BulkUpdateStatus implements driver.Backend.
func (s *Serial) BulkUpdateStatus(ctx context.Context, ids []string, status tenancy.Status) (ts []tenancy.Tenant, err error) {
	list, err := s.Array(ids)
	if err != nil {
		return nil, err
	}
	err = s.Write(ctx, func(in Session) error {
		var latest Instant
		if _, err := in.One(ctx, s.Writes.Newest, []any{list}, &latest); err != nil {
			return err
		}
		at := driver.NextUpdate(time.Time(latest), time.Now())
		if _, err := in.Exec(ctx, s.Writes.StatusOfMany, list, at.UnixMicro(), string(status)); err != nil {
			return err
		}
		ts, err = in.Tenants(ctx, len(ids), s.Writes.OwnMany, list)
		return err
	})
	return ts, err
}

// UpdateMetadata implements driver.Backend.
func (s *Serial) UpdateMetadata(ctx context.Context, id string, patch tenancy.Metadata) (t tenancy.Tenant, err error) {
	err = s.Write(ctx, func(in Session) error {
		if t, err = in.Tenant(ctx, s.Writes.Own, id); err != nil {
			return err
		}
		merged, err := t.Metadata.Merge(patch)
		if err != nil || merged == t.Metadata {
			return err
		}
		if err := s.MetadataCheck.Judge(merged); err != nil {
			return err
		}
		if _, err := in.Exec(ctx, s.Writes.Merge, id, time.Now().UnixMicro(), merged.String()); err != nil {
			return err
		}
		t, err = in.Tenant(ctx, s.Writes.Own, id)
		return err
	})
	if err != nil {
		return tenancy.Tenant{}, err
	}
	return t, nil
}

// ReplaceSecret implements Engine.
func (s *Serial) ReplaceSecret(ctx context.Context, old StoredSecret, text string) (replaced bool, err error) {
	err = s.Write(ctx, func(in Session) error {
		n, err := in.Exec(ctx, s.Writes.Secret, old.ID, time.Now().UnixMicro(), text, old.Text)
		replaced = n > 0
		return err
	})
	return replaced, err
}

// Delete implements driver.Backend.
func (s *Serial) Delete(ctx context.Context, id string) error {
	if !s.SoftDelete {
		return s.Purge(ctx, id)
	}
	return s.Write(ctx, func(in Session) error {
		t, err := in.Tenant(ctx, s.Writes.Own, id)
		if err != nil || t.Status == tenancy.StatusDeleted {
			return err
		}
		_, err = in.Exec(ctx, s.Writes.Status, id, time.Now().UnixMicro(), string(tenancy.StatusDeleted))
		return err
	})
}

// Purge implements driver.Purger.
func (s *Serial) Purge(ctx context.Context, id string) error {
	return s.Write(ctx, func(in Session) error {
		n, err := in.Exec(ctx, s.Writes.Remove, id)
		if err == nil && n == 0 {
			err = tenancy.ErrNotFound
		}
		return err
	})
}
