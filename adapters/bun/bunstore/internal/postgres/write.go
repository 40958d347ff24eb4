package postgres

import (
	"context"
	"errors"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

func (p *store) Create(ctx context.Context, t tenancy.Tenant) (created tenancy.Tenant, err error) {
	databaseURL, err := p.Seal(t.ID, t.DatabaseURL.Reveal())
	if err != nil {
		return created, err
	}
	err = engine.Repeat(func() (bool, error) {
		err := p.single(ctx, func(in engine.Session) error {
			created, err = in.Tenant(ctx, p.insert,
				t.ID, t.Identifier, t.Name, driver.Fold(t.Name), string(t.Status), string(t.Isolation),
				databaseURL, t.SchemaName, t.Metadata.String(), t.CreatedAt, t.UpdatedAt, tenancy.ActorFrom(ctx))
			return err
		})
		return p.whichTaken(ctx, t, engine.Owners.ConflictOnCreate, err)
	})
	return created, err
}

// whichTaken says which field of t made a write fail with err. If by now none
// would, the write can be tried again, unless err came from a constraint of
// somebody else.
func (p *store) whichTaken(ctx context.Context, t tenancy.Tenant, which func(engine.Owners, tenancy.Tenant) error, err error) (again bool, _ error) {
	if engine.KindOf(err) != engine.Duplicate || !p.ownConstraint(err) {
		return false, err
	}
	found, err := p.Owners(ctx, p.Read, []string{t.ID}, []string{t.Identifier})
	if err != nil {
		return false, engine.RolledBack(err)
	}
	err = which(found, t)
	return err == nil, err
}

// ownConstraint reports whether err names a constraint of the store, or none, as
// some drivers do.
func (p *store) ownConstraint(err error) bool {
	var coded interface{ SQLState() string }
	if !errors.As(err, &coded) {
		return true
	}
	name := constraintName(coded)
	return name == "" || name == p.Names.Table+"_pkey" || name == p.Names.Table+"_identifier_key"
}

// Update implements driver.Backend. It is one statement, unless the identifier
// changes or there is something to complain about.
func (p *store) Update(ctx context.Context, t tenancy.Tenant) (updated tenancy.Tenant, err error) {
	var databaseURL string
	err = p.Retry(ctx, func() (err error) {
		databaseURL, err = p.SealForUpdate(ctx, p.Read, t)
		return err
	})
	if err != nil {
		return updated, engine.RolledBack(err)
	}
	text, run := p.put, p.single
	err = engine.Repeat(func() (bool, error) {
		if text == p.rename && p.FormerLifetime > 0 {
			run = p.Exclusively
		}
		err := run(ctx, func(in engine.Session) error {
			if text == p.rename {
				if err := p.KeepFormer(ctx, in, t.ID, t.Identifier); err != nil {
					return err
				}
			}
			updated, err = in.Tenant(ctx, text, t.ID, int64(t.Revision), t.Identifier,
				t.Name, driver.Fold(t.Name), string(t.Status), string(t.Isolation),
				databaseURL, t.SchemaName, t.Metadata.String(), tenancy.ActorFrom(ctx), t.Mark)
			return err
		})
		if errors.Is(err, tenancy.ErrNotFound) {
			text, err = p.whyNotUpdated(ctx, t)
			return err == nil, err
		}
		return p.whichTaken(ctx, t, engine.Owners.ConflictOnUpdate, err)
	})
	return updated, err
}

// whyNotUpdated finds out why an UPDATE of t matched no row, and returns the
// statement to try instead.
func (p *store) whyNotUpdated(ctx context.Context, t tenancy.Tenant) (string, error) {
	var (
		at         engine.Position
		identifier engine.Text
	)
	found := false
	err := p.Look(ctx, func() (bool, error) {
		var err error
		found, err = p.Read.One(ctx, p.stored, []any{t.ID}, &at.Revision, &at.Mark, &identifier)
		return found, err
	})
	switch {
	case err != nil:
		return "", engine.RolledBack(err)
	case !found:
		return "", tenancy.ErrNotFound
	case t.Revision != tenancy.AnyRevision && t.Position() != at.Value():
		return "", tenancy.ErrConflict
	case string(identifier) != t.Identifier:
		return p.rename, nil
	}
	return p.put, nil
}

// againIfExists turns an ErrNotFound, which a write got that matched no row,
// into another attempt if the tenant is there: it was created meanwhile.
func (p *store) againIfExists(ctx context.Context, id string, err error) (bool, error) {
	if !errors.Is(err, tenancy.ErrNotFound) {
		return false, err
	}
	found, probeErr := p.Exists(ctx, id)
	if probeErr != nil {
		return false, engine.RolledBack(probeErr)
	}
	return found, err
}

// SetStatus is one statement.
func (p *store) SetStatus(ctx context.Context, id string, s tenancy.Status) (t tenancy.Tenant, err error) {
	err = engine.Repeat(func() (bool, error) {
		err := p.single(ctx, func(in engine.Session) error {
			t, err = in.Tenant(ctx, p.status, id, string(s), tenancy.ActorFrom(ctx))
			return err
		})
		return p.againIfExists(ctx, id, err)
	})
	return t, err
}

// BulkUpdateStatus implements driver.Backend in one statement, which locks the
// rows in the order of their IDs.
func (p *store) BulkUpdateStatus(ctx context.Context, ids []string, s tenancy.Status) (ts []tenancy.Tenant, err error) {
	list, err := p.Array(ids)
	if err != nil {
		return nil, err
	}
	err = p.single(ctx, func(in engine.Session) error {
		ts, err = in.Tenants(ctx, len(ids), p.statuses, list, string(s), tenancy.ActorFrom(ctx))
		return err
	})
	if err == nil && len(ts) == 0 {
		err = engine.RolledBack(p.SeePresence(ctx))
	}
	return ts, err
}

// UpdateMetadata implements driver.Backend. It is one statement, as long as it
// changes something and the result is surely small enough: PostgreSQL's spelling
// of a document is never shorter than the canonical one.
func (p *store) UpdateMetadata(ctx context.Context, id string, patch tenancy.Metadata) (t tenancy.Tenant, err error) {
	run := p.single
	if p.MetadataCheck != nil {
		run = p.transaction // rolls back what the check refuses
	}
	err = run(ctx, func(in engine.Session) error {
		t, err = in.Tenant(ctx, p.merge, id, patch.String(), tenancy.ActorFrom(ctx), int64(tenancy.MaxMetadataBytes))
		if err == nil {
			err = p.MetadataCheck.Judge(t.Metadata)
		}
		return err
	})
	if err == nil {
		return t, nil
	}
	if !errors.Is(err, tenancy.ErrNotFound) {
		return tenancy.Tenant{}, err
	}
	if t, err = p.GetByID(ctx, id); err != nil {
		return t, engine.RolledBack(err)
	}
	merged, err := t.Metadata.Merge(patch)
	switch {
	case err != nil:
		return tenancy.Tenant{}, err
	case merged == t.Metadata: // there is nothing to write
		return t, nil
	}
	return p.mergeInGo(ctx, id, patch)
}

// mergeInGo is UpdateMetadata for a result near the limit.
func (p *store) mergeInGo(ctx context.Context, id string, patch tenancy.Metadata) (t tenancy.Tenant, err error) {
	err = p.Exclusively(ctx, func(in engine.Session) error {
		if t, err = in.Tenant(ctx, p.Texts.Locked, id); err != nil {
			return err
		}
		merged, err := t.Metadata.Merge(patch)
		if err != nil || merged == t.Metadata {
			return err
		}
		if err := p.MetadataCheck.Judge(merged); err != nil {
			return err
		}
		t, err = in.Tenant(ctx, p.setMetadata, id, merged.String(), tenancy.ActorFrom(ctx))
		return err
	})
	if err != nil {
		return tenancy.Tenant{}, err
	}
	return t, nil
}

// ReplaceSecret implements backend.
func (p *store) ReplaceSecret(ctx context.Context, old engine.StoredSecret, text string) (replaced bool, err error) {
	err = p.single(ctx, func(in engine.Session) error {
		n, err := in.Exec(ctx, p.secret, old.ID, text, tenancy.ActorFrom(ctx), old.Text)
		replaced = n > 0
		return err
	})
	return replaced, err
}

func (p *store) Delete(ctx context.Context, id string) error {
	if !p.SoftDelete {
		return p.Purge(ctx, id)
	}
	return engine.Repeat(func() (bool, error) {
		n := int64(0)
		err := p.single(ctx, func(in engine.Session) (err error) {
			n, err = in.Exec(ctx, p.softRemove, id, string(tenancy.StatusDeleted), tenancy.ActorFrom(ctx))
			return err
		})
		if err != nil || n > 0 {
			return false, err
		}
		t, err := p.GetByID(ctx, id)
		return err == nil && t.Status != tenancy.StatusDeleted, engine.RolledBack(err) // created meanwhile
	})
}

func (p *store) Purge(ctx context.Context, id string) error {
	return engine.Repeat(func() (bool, error) {
		err := p.single(ctx, func(in engine.Session) error {
			n, err := in.Exec(ctx, p.remove, id, tenancy.ActorFrom(ctx))
			if err == nil && n == 0 {
				err = tenancy.ErrNotFound
			}
			return err
		})
		return p.againIfExists(ctx, id, err)
	})
}
