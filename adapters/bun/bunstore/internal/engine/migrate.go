package engine

import (
	"context"
	"errors"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// SchemaVersion is the version of the schema that this library makes:
//
//  1. tenants and their change log
//  2. names: domains and former identifiers
const SchemaVersion = 2

// The table of versions has a row for each that was installed. compatible_from
// is the oldest library, by its SchemaVersion, that may still use the schema: so
// processes of the old version go on during a rolling upgrade. The search index has
// no version: it may come and go at any time, and is there if its name is.

// ReadVersion selects the newest version of the schema, and what it is compatible with.
func (b *Base) ReadVersion() string {
	return "SELECT max(version), max(compatible_from) FROM " + b.Source("_schema", "v")
}

// UpToDate reports whether there is nothing to migrate. exists says whether the
// table of versions does.
func (b *Base) UpToDate(ctx context.Context, s Session, exists bool) (bool, error) {
	if !exists {
		return false, nil
	}
	old, err := b.Old(ctx, s)
	if err != nil || old || !b.SearchIndex {
		return !old, err
	}
	exists, _, err = b.searchIndexState(ctx, s)
	return exists, err
}

// Install brings the schema up to date within a transaction that no other
// migration runs beside.
func (b *Base) Install(ctx context.Context, s Session, exists bool) error {
	if err := b.installSchema(ctx, s, exists); err != nil || !b.SearchIndex {
		return err
	}
	return b.installSearchIndex(ctx, s)
}

func (b *Base) installSchema(ctx context.Context, s Session, exists bool) error {
	if exists {
		_, err := b.Old(ctx, s)
		return err
	}
	ddl, err := b.Schema()
	if err != nil {
		return err
	}
	_, err = s.Exec(ctx, ddl)
	return err
}

// errNewerSchema: the library is too old for the database.
var errNewerSchema = errors.New("the schema was made by a newer version of this library, and this version cannot use it: upgrade the program")

var errNoTable = errors.New("no table of tenants")

// TableGone is why Migrate does not go on where there was a store: an empty table
// would answer that nobody exists.
func (b *Base) TableGone() error {
	return &Failure{Reason: tenancy.ErrUnavailable, Cause: errNoTable, Text: "the table " + b.Names.Table + " is gone, or something else stands in its place:" +
		" was it renamed, moved or dropped? Put it back; to begin anew without it, drop " + b.Names.Table + "_schema, too"}
}

// Old reports whether the schema was made by an older version, and fails if this one cannot
// use it.
func (b *Base) Old(ctx context.Context, s Session) (bool, error) {
	var version, compatibleFrom Integer
	if _, err := s.One(ctx, b.ReadVersion(), nil, &version, &compatibleFrom); err != nil {
		return false, err
	}
	if version < 1 {
		return false, &Failure{Reason: tenancy.ErrUnavailable, Text: "the table of schema versions is empty: was it edited by hand?", Cause: errNewerSchema}
	}
	if compatibleFrom > SchemaVersion {
		return false, &Failure{Reason: tenancy.ErrUnavailable, Text: errNewerSchema.Error(), Cause: errNewerSchema}
	}
	return version < SchemaVersion, nil
}
