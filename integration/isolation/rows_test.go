package isolation_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// useRows makes the policies of tables show the tenant's rows. The third argument of
// set_config: until the end of the transaction.
func useRows(ctx context.Context, tx pgx.Tx, t tenancy.Tenant) error {
	_, err := tx.Exec(ctx, "SELECT set_config('app.tenant_id', $1, true)", t.ID)
	return err
}

// rowSecurity makes a table show the rows of one tenant, and take no others. FORCE: the owner
// is not exempt. Without a tenant, current_setting is null, or empty after the first
// transaction of the connection: neither is the ID of a row.
const rowSecurity = `
CREATE TABLE notes (
	tenant_id text NOT NULL CHECK (tenant_id <> '') DEFAULT current_setting('app.tenant_id', true),
	text text NOT NULL
);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE notes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON notes
	USING (tenant_id = current_setting('app.tenant_id', true))
	WITH CHECK (tenant_id = current_setting('app.tenant_id', true));
`

// checkRowSecurity fails if the policies of the table do not bind the role of the pool: call it
// at the start of a program. Superusers and roles with BYPASSRLS see every row, and an owner can
// switch the policies off.
func checkRowSecurity(ctx context.Context, pool *pgxpool.Pool, table string) error {
	var exempt, owner, forced bool
	err := pool.QueryRow(ctx, `
		SELECT r.rolsuper OR r.rolbypassrls, pg_has_role(r.oid, c.relowner, 'MEMBER'), c.relrowsecurity AND c.relforcerowsecurity
		FROM pg_roles r, pg_class c
		WHERE r.rolname = current_user AND c.oid = $1::text::regclass`, table).Scan(&exempt, &owner, &forced)
	switch {
	case err != nil:
		return err
	case exempt:
		return errors.New("the role is a superuser or has BYPASSRLS: it sees the rows of all tenants")
	case owner:
		return fmt.Errorf("the role owns %s: it can switch row-level security off", table)
	case !forced:
		return fmt.Errorf("row-level security of %s is not enabled and forced", table)
	}
	return nil
}

// newRows returns a database with a table that all tenants share.
func newRows(t *testing.T) *database {
	d := newDatabase(t)
	d.exec(t, rowSecurity+"GRANT SELECT, INSERT ON notes TO "+d.role)
	return d
}

func TestRowLevelSecurity(t *testing.T) {
	d := newRows(t)
	if err := checkRowSecurity(t.Context(), connect(t, d.dsn), "notes"); err != nil {
		t.Fatal(err)
	}
	each(t, d, func(t *testing.T, dsn string) {
		hostile(t, dsn, useRows)
		pool := connect(t, dsn)
		ctx := tenancy.NewContext(t.Context(), acme)
		err := withTenant(ctx, pool, useRows, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO notes (tenant_id, text) VALUES ('globex', 'forged')")
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "row-level security") {
			t.Errorf("a row of another tenant is written: %v", err)
		}
		var n int
		if err := pool.QueryRow(ctx, "SELECT count(*) FROM notes").Scan(&n); err != nil || n != 0 {
			t.Errorf("without a tenant, %d rows are seen: %v", n, err)
		}
	})
}

func TestCheckRowSecurity(t *testing.T) {
	d := newRows(t)
	pool := connect(t, d.dsn)
	for _, c := range []struct{ do, undo, want string }{
		{"ALTER TABLE notes NO FORCE ROW LEVEL SECURITY", "ALTER TABLE notes FORCE ROW LEVEL SECURITY", "forced"},
		{"ALTER TABLE notes DISABLE ROW LEVEL SECURITY", "ALTER TABLE notes ENABLE ROW LEVEL SECURITY", "enabled"},
		{"ALTER ROLE " + d.role + " BYPASSRLS", "ALTER ROLE " + d.role + " NOBYPASSRLS", "BYPASSRLS"},
		{"ALTER TABLE notes OWNER TO " + d.role, "ALTER TABLE notes OWNER TO CURRENT_USER", "owns"},
	} {
		d.exec(t, c.do)
		if err := checkRowSecurity(t.Context(), pool, "notes"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.do, err)
		}
		d.exec(t, c.undo)
	}
	if err := checkRowSecurity(t.Context(), d.admin, "notes"); err == nil || !strings.Contains(err.Error(), "superuser") {
		t.Errorf("a superuser: %v", err)
	}
	if err := checkRowSecurity(t.Context(), pool, "notes"); err != nil {
		t.Error(err)
	}
}
