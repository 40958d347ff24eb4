package bunpg_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Something else comes into the place of the table under running processes. They must
// not take it for an answer that nobody exists, and go on when the table is back.
func TestReplacedTableIsAnOutage(t *testing.T) {
	dsn := newDatabase(t)
	store := open(t, dsn)
	admin := connect(t, dsn)
	acme := create(t, store, "acme")
	stores := map[string]*bunstore.Store{
		"directly":      store,
		"WithPgBouncer": open(t, newPooler(t, dsn, false).url, bunpg.WithPgBouncer()),
		"a *bun.DB":     bare(t, dsn),
	}
	patch := metadata(t, `{"k":1}`)
	for name, c := range map[string]struct{ put, drop string }{
		"nothing":             {``, ``},
		"a view":              {`CREATE VIEW tenants AS SELECT * FROM old`, `DROP VIEW tenants`},
		"a view of nothing":   {`CREATE VIEW tenants AS SELECT * FROM old WHERE false`, `DROP VIEW tenants`},
		"a materialized view": {`CREATE MATERIALIZED VIEW tenants AS SELECT * FROM old WHERE false`, `DROP MATERIALIZED VIEW tenants`},
		"an empty copy":       {`CREATE TABLE tenants (LIKE old INCLUDING ALL)`, `DROP TABLE tenants`},
		"a partitioned table": {`CREATE TABLE tenants (LIKE old) PARTITION BY HASH (id); CREATE TABLE part PARTITION OF tenants FOR VALUES WITH (MODULUS 1, REMAINDER 0)`, `DROP TABLE tenants`},
		"a child table":       {`CREATE TABLE tenants () INHERITS (old)`, `DROP TABLE tenants`},
		"a foreign table": {
			`CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw; CREATE FOREIGN TABLE tenants (id text, identifier text, name text,
				name_folded text, status text, isolation text, database_url text, schema_name text, metadata jsonb, created_at timestamptz,
				updated_at timestamptz, revision bigint, mark bigint) SERVER files OPTIONS (program 'true')`,
			`DROP EXTENSION file_fdw CASCADE`,
		},
		"another schema": {`CREATE SCHEMA other; ALTER TABLE old SET SCHEMA other`, `ALTER TABLE other.old SET SCHEMA public; DROP SCHEMA other`},
	} {
		t.Run(name, func(t *testing.T) {
			exec(t, admin, `BEGIN; ALTER TABLE tenants RENAME TO old; `+c.put+`; COMMIT`)
			for mode, s := range stores {
				// A process that has just seen the table believes in it for a moment.
				waitUntil(t, func() bool {
					_, err := s.GetByID(t.Context(), "nobody")
					return !errors.Is(err, tenancy.ErrNotFound)
				})
				for call, err := range everyCall(t.Context(), s, acme, patch) {
					if !errors.Is(err, tenancy.ErrUnavailable) || errors.Is(err, tenancy.ErrNotFound) {
						t.Errorf("%s, %s: %v; want ErrUnavailable", mode, call, err)
					}
				}
				if found, err := s.Check(t.Context()); err == nil && len(found) == 0 {
					t.Errorf("%s: Check finds nothing", mode)
				}
			}
			exec(t, admin, `BEGIN; `+c.drop+`; ALTER TABLE old RENAME TO tenants; COMMIT`)
			for mode, s := range stores {
				if got, err := s.GetByID(t.Context(), acme.ID); err != nil || got != acme {
					t.Errorf("afterwards, %s: %v, %v", mode, got, err)
				}
				if _, err := s.GetByID(t.Context(), "nobody"); !errors.Is(err, tenancy.ErrNotFound) {
					t.Errorf("afterwards, %s: %v", mode, err)
				}
				updated, err := s.SetStatus(t.Context(), acme.ID, tenancy.StatusActive)
				if err != nil {
					t.Fatalf("afterwards, %s: %v", mode, err)
				}
				acme = updated
			}
			checkLog(t, admin)
		})
	}
}

// The rows of a table that inherits from that of the tenants have no triggers.
func TestChildTablesHaveNoTenants(t *testing.T) {
	dsn := newDatabase(t)
	store := open(t, dsn)
	admin := connect(t, dsn)
	acme := create(t, store, "acme")
	exec(t, admin, `CREATE TABLE archived () INHERITS (tenants); CREATE TABLE archived_changes () INHERITS (tenants_changes);
		INSERT INTO archived SELECT * FROM tenants; INSERT INTO archived (id, identifier, name, revision, mark) VALUES ('2', 'beta', 'Beta', 7, 7);
		INSERT INTO archived_changes SELECT * FROM tenants_changes; UPDATE archived_changes SET revision = revision + 1000`)
	if _, err := store.GetByID(t.Context(), "2"); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("GetByID: %v", err)
	}
	if n, err := store.Count(t.Context(), tenancy.Filter{}); err != nil || n != 1 {
		t.Errorf("Count: %d, %v", n, err)
	}
	updated, err := store.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended)
	if err != nil || updated.Revision != acme.Revision+1 {
		t.Errorf("SetStatus: %+v, %v", updated, err)
	}
	if err := store.Delete(t.Context(), acme.ID); err != nil {
		t.Error(err)
	}
	if n := one[int](t, admin, `SELECT count(*) FROM archived`); n != 2 {
		t.Errorf("%d rows archived", n)
	}
	exec(t, admin, `DROP TABLE archived, archived_changes`)
	checkLog(t, admin)
}

// The store names its schema, so that a temporary table is not in its way.
func TestTemporaryTables(t *testing.T) {
	dsn := newDatabase(t)
	acme := create(t, open(t, dsn), "acme")
	store := fromPool(t, newPGXPool(t, dsn, func(c *pgxpool.Config) {
		c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, `SET search_path = pg_temp, public; CREATE TEMPORARY TABLE tenants (LIKE public.tenants);
				CREATE TEMPORARY TABLE tenants_changes (LIKE public.tenants_changes); CREATE TEMPORARY TABLE tenants_lock (LIKE public.tenants_lock)`)
			return err
		}
	}))
	if got, err := store.GetByID(t.Context(), acme.ID); err != nil || got != acme {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := store.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended); err != nil {
		t.Error(err)
	}
}

// A rule rewrites statements before any trigger sees them.
func TestRules(t *testing.T) {
	for name, rule := range map[string]string{
		"instead nothing": `CREATE RULE r AS ON UPDATE TO tenants DO INSTEAD NOTHING`,
		"instead other":   `CREATE RULE r AS ON UPDATE TO tenants DO INSTEAD UPDATE tenants_schema SET version = version`,
		"on condition":    `CREATE RULE r AS ON UPDATE TO tenants WHERE NEW.status = 'suspended' DO INSTEAD NOTHING`,
		"of the log":      `CREATE RULE r AS ON INSERT TO tenants_changes DO INSTEAD NOTHING`,
	} {
		t.Run(name, func(t *testing.T) {
			dsn := newDatabase(t)
			store := open(t, dsn)
			admin := connect(t, dsn)
			acme := create(t, store, "acme")
			exec(t, admin, rule)
			_, err := store.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended)
			if !errors.Is(err, tenancy.ErrUnavailable) || !errors.Is(err, tenancy.ErrNotApplied) || !strings.Contains(err.Error(), "rule") {
				t.Errorf("SetStatus: %v", err)
			}
			if got, err := store.GetByID(t.Context(), acme.ID); err != nil || got != acme {
				t.Errorf("%+v, %v", got, err)
			}
			found, err := store.Check(t.Context())
			if err != nil || len(found) != 1 || found[0].Kind != bunstore.FindingRules || len(found[0].Details) != 1 || !strings.Contains(found[0].Text, "DROP RULE") {
				t.Errorf("Check: %+v, %v", found, err)
			}
		})
	}
}
