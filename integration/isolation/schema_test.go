package isolation_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// useSchema makes unqualified names mean those of the tenant's schema. LOCAL: until the end of
// the transaction, after which another tenant's request may have the connection.
func useSchema(ctx context.Context, tx pgx.Tx, t tenancy.Tenant) error {
	_, err := tx.Exec(ctx, "SET LOCAL search_path TO "+pgx.Identifier{t.SchemaName}.Sanitize())
	return err
}

// newSchemas returns a database with a schema of each tenant, and none that all share.
func newSchemas(t *testing.T) *database {
	d := newDatabase(t)
	for _, tenant := range []tenancy.Tenant{acme, globex} {
		schema := pgx.Identifier{tenant.SchemaName}.Sanitize()
		d.exec(t, "CREATE SCHEMA "+schema+"; CREATE TABLE "+schema+".notes (text text NOT NULL); "+
			"GRANT USAGE ON SCHEMA "+schema+" TO "+d.role+"; GRANT SELECT, INSERT ON "+schema+".notes TO "+d.role)
	}
	return d
}

func TestSchemaPerTenant(t *testing.T) {
	d := newSchemas(t)
	each(t, d, func(t *testing.T, dsn string) { hostile(t, dsn, useSchema) })
}
