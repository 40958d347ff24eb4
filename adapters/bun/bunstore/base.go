package bunstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/uptrace/bun"
)

// base is what the stores on PostgreSQL and SQLite have in common: the reads and
// the change log.
type base struct {
	config
	dialect    dialect
	texts      readTexts
	db         *sql.DB // for writes
	read       session // for reads
	bell       bell
	background *background
	watchman   watchman
	presence   presence
	// inspectDatabase is what Check does for one kind of database alone.
	inspectDatabase func(context.Context) ([]Finding, error)
}

func newBase(db *bun.DB, c config, d dialect) *base {
	return &base{
		config: c, dialect: d, texts: newReadTexts(d, c),
		db:         db.DB,
		read:       session{runner: db.DB, dialect: d, logger: c.logger, secrets: &secrets{sealer: c.sealer, logger: c.logger}, denial: &denial{}},
		background: newBackground(),
	}
}

// IsReserved is asked by driver.Extended.
func (b *base) IsReserved(identifier string) bool { return b.reserved.IsReserved(identifier) }

// CheckMetadata implements driver.MetadataChecker.
func (b *base) CheckMetadata(m tenancy.Metadata) error { return b.metadataCheck.Judge(m) }

// Close implements driver.Backend.
func (b *base) Close() error {
	b.background.stop()
	var errs []error
	for _, f := range b.onClose {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// open returns ErrClosed after Close.
func (b *base) open() error {
	if b.background.ctx.Err() != nil {
		return tenancy.ErrClosed
	}
	return nil
}

// retry is for every operation: a read may have to wait too, in SQLite. What
// failed because Close came in between wraps ErrClosed too.
func (b *base) retry(ctx context.Context, f func() error) error {
	err := retry(ctx, b.retryTimeout, b.dialect.backoff(), f)
	if err != nil && b.open() != nil && errors.Is(err, tenancy.ErrUnavailable) {
		err = &failure{reason: tenancy.ErrClosed, cause: err}
	}
	return err
}

// wrote is called after every write that may have changed something.
func (b *base) wrote() {
	b.bell.ring()
	b.background.start("trim", b.keepTrimmed)
	b.background.start("check", b.keepChecked)
}

// GetByID implements driver.Backend.
func (b *base) GetByID(ctx context.Context, id string) (t tenancy.Tenant, err error) {
	err = b.look(ctx, func() (bool, error) {
		t, err = b.read.tenant(ctx, b.texts.byID, id)
		return err == nil, err
	})
	return t, err
}

// GetByIdentifier implements driver.Backend.
func (b *base) GetByIdentifier(ctx context.Context, identifier string) (t tenancy.Tenant, err error) {
	err = b.look(ctx, func() (bool, error) {
		t, err = b.read.tenant(ctx, b.texts.byIdentifier, identifier)
		return err == nil, err
	})
	return t, err
}

// GetByIDs is one statement whatever the number of IDs.
func (b *base) GetByIDs(ctx context.Context, ids []string) (ts []tenancy.Tenant, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	list, err := b.dialect.texts(ids)
	if err != nil {
		return nil, err
	}
	err = b.look(ctx, func() (bool, error) {
		ts, err = b.read.tenants(ctx, len(ids), b.texts.byIDs, list)
		return len(ts) > 0, err
	})
	return ts, err
}

// Exists is faster than GetByID.
func (b *base) Exists(ctx context.Context, id string) (found bool, err error) {
	err = b.look(ctx, func() (bool, error) {
		found, err = b.exists(ctx, b.read, id)
		return found, err
	})
	return found, err
}

func (b *base) exists(ctx context.Context, s session, id string) (bool, error) {
	found := false
	err := s.keyed(ctx, b.texts.exists, []any{id}, func(*sql.Rows) error {
		found = true
		return nil
	})
	return found, err
}

// owners are the IDs of the tenants that have some keys.
type owners map[tenancy.Key]string

// owners finds out to whom ids and identifiers belong.
func (b *base) owners(ctx context.Context, s session, ids, identifiers []string) (owners, error) {
	idList, err1 := b.dialect.texts(ids)
	identifierList, err2 := b.dialect.texts(identifiers)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	found := owners{}
	err := s.each(ctx, b.texts.owners, []any{idList, identifierList}, func(rows *sql.Rows) error {
		var id, identifier string
		err := rows.Scan(&id, &identifier)
		found[tenancy.IDKey(id)], found[tenancy.IdentifierKey(identifier)] = id, id
		return err
	})
	return found, err
}

// inTheWayOfNew says which field of t, a new tenant, another one has already, or
// nil.
func (o owners) inTheWayOfNew(t tenancy.Tenant) error {
	if _, taken := o[tenancy.IDKey(t.ID)]; taken {
		return &tenancy.Error{Field: "id", Err: tenancy.ErrAlreadyExists}
	}
	return o.inTheWayOf(t)
}

// inTheWayOf says that another tenant has the identifier of t, or nil.
func (o owners) inTheWayOf(t tenancy.Tenant) error {
	if id, taken := o[tenancy.IdentifierKey(t.Identifier)]; taken && id != t.ID {
		return &tenancy.Error{Field: "identifier", Err: tenancy.ErrAlreadyExists}
	}
	return nil
}
