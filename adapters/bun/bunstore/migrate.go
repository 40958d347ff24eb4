package bunstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// schemaVersion is the version of the schema that this library makes; each later
// one is a file of package ddl that changes the one before.
const schemaVersion = 1

// The table of versions has a row for each that was installed. compatible_from
// is the oldest library, by its schemaVersion, that may still use the schema: so
// processes of the old version go on during a rolling upgrade. The search index has
// no version: it may come and go at any time, and is there if its name is.

func createVersionTable(d dialect, n names) string {
	return "CREATE TABLE " + d.table(n, "_schema") + " (version INTEGER NOT NULL PRIMARY KEY, compatible_from INTEGER NOT NULL)"
}

func recordVersion(d dialect, n names) string {
	return fmt.Sprintf("INSERT INTO %s (version, compatible_from) VALUES (%d, 1)", d.table(n, "_schema"), schemaVersion)
}

func readVersion(d dialect, n names) string {
	return "SELECT max(version), max(compatible_from) FROM " + d.source(n, "_schema", "v")
}

// upToDate reports whether there is nothing to migrate. exists says whether the
// table of versions does.
func (b *base) upToDate(ctx context.Context, s session, exists bool) (bool, error) {
	if !exists {
		return false, nil
	}
	if err := b.checkVersion(ctx, s); err != nil || !b.searchIndex {
		return true, err
	}
	exists, _, err := b.searchIndexState(ctx, s)
	return exists, err
}

// install brings the schema up to date within a transaction that no other
// migration runs beside.
func (b *base) install(ctx context.Context, s session, exists bool) error {
	if err := b.installSchema(ctx, s, exists); err != nil || !b.searchIndex {
		return err
	}
	return b.installSearchIndex(ctx, s)
}

func (b *base) installSchema(ctx context.Context, s session, exists bool) error {
	if exists {
		return b.checkVersion(ctx, s)
	}
	ddl, err := b.names.ddl(b.dialect.ddlFile())
	if err != nil {
		return err
	}
	for _, text := range []string{ddl, createVersionTable(b.dialect, b.names), recordVersion(b.dialect, b.names)} {
		if _, err := s.exec(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// errNewerSchema: the library is too old for the database.
var errNewerSchema = errors.New("the schema was made by a newer version of this library, and this version cannot use it: upgrade the program")

var errNoTable = errors.New("no table of tenants")

// tenantsGone is why Migrate does not go on where there was a store: an empty table
// would answer that nobody exists.
func (b *base) tenantsGone() error {
	return &failure{reason: tenancy.ErrUnavailable, cause: errNoTable, text: "the table " + b.names.Table + " is gone, or something else stands in its place:" +
		" was it renamed, moved or dropped? Put it back; to begin anew without it, drop " + b.names.Table + "_schema, too"}
}

func (b *base) checkVersion(ctx context.Context, s session) error {
	var version, compatibleFrom integer
	if _, err := s.one(ctx, readVersion(b.dialect, b.names), nil, &version, &compatibleFrom); err != nil {
		return err
	}
	if version < 1 {
		return &failure{reason: tenancy.ErrUnavailable, text: "the table of schema versions is empty: was it edited by hand?", cause: errNewerSchema}
	}
	if compatibleFrom > schemaVersion {
		return &failure{reason: tenancy.ErrUnavailable, text: errNewerSchema.Error(), cause: errNewerSchema}
	}
	return nil
}
