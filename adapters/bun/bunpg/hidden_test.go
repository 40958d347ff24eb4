package bunpg_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// newRole creates a role that may use the store of the database, which is there, and
// returns its name and a connection string with its password.
func newRole(t testing.TB, dsn string) (role, roleDSN string) {
	t.Helper()
	owner := connect(t, dsn)
	role = one[string](t, owner, `SELECT current_database()`) + "_app"
	exec(t, owner, `CREATE ROLE `+role+` LOGIN PASSWORD 'secret'`)
	t.Cleanup(func() { exec(t, owner, `DROP OWNED BY `+role+`; DROP ROLE `+role) })
	exec(t, owner, `GRANT SELECT, INSERT, UPDATE, DELETE ON tenants, tenants_names TO `+role+`; GRANT SELECT, INSERT, DELETE ON tenants_changes TO `+role+`;
		GRANT SELECT, UPDATE ON tenants_lock TO `+role+`; GRANT SELECT ON tenants_schema TO `+role)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("TENANTSTORE_POSTGRES is not a valid URL")
	}
	u.User = url.UserPassword(role, "secret")
	return role, u.String()
}

// bare opens a store on a pool that the program made, whose sessions have no settings
// of the store.
func bare(t testing.TB, dsn string, opts ...bunstore.Option) *bunstore.Store {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	db := stdlib.OpenDB(*config)
	store, err := bunstore.New(bun.NewDB(db, pgdialect.New()), append(opts, bunstore.WithOnClose(db.Close))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// everyCall calls whatever reads or writes, and says what came of it.
func everyCall(ctx context.Context, s *bunstore.Store, acme tenancy.Tenant, patch tenancy.Metadata) map[string]error {
	results := map[string]error{}
	call := func(name string, f func() error) { results[name] = f() }
	call("GetByID", func() error { _, err := s.GetByID(ctx, acme.ID); return err })
	call("GetByIdentifier", func() error { _, err := s.GetByIdentifier(ctx, acme.Identifier); return err })
	call("GetByIDs", func() error { _, err := s.GetByIDs(ctx, []string{acme.ID}); return err })
	call("Exists", func() error { _, err := s.Exists(ctx, acme.ID); return err })
	call("List", func() error { _, err := s.List(ctx, tenancy.ListOptions{}); return err })
	call("List of a status", func() error {
		_, err := s.List(ctx, tenancy.ListOptions{Filter: tenancy.Filter{Statuses: []tenancy.Status{tenancy.StatusActive}}})
		return err
	})
	call("Count", func() error { _, err := s.Count(ctx, tenancy.Filter{}); return err })
	call("Search", func() error { _, err := s.Search(ctx, "acme", tenancy.SearchOptions{}); return err })
	call("Load by ID", func() error { _, err := s.Load(ctx, []tenancy.Lookup{{Key: tenancy.IDKey(acme.ID)}}); return err })
	call("Load by identifier", func() error {
		_, err := s.Load(ctx, []tenancy.Lookup{{Key: tenancy.IdentifierKey(acme.Identifier)}})
		return err
	})
	call("Load", func() error {
		_, err := s.Load(ctx, []tenancy.Lookup{{Key: tenancy.IDKey(acme.ID)}, {Key: tenancy.IdentifierKey(acme.Identifier)}})
		return err
	})
	call("Create", func() error { _, err := s.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"}); return err })
	call("CreateBatch", func() error {
		rs, err := s.CreateBatch(ctx, []tenancy.Tenant{{Identifier: "acme", Name: "Acme"}})
		for _, r := range rs {
			err = errors.Join(err, r.Err)
		}
		return err
	})
	call("Update", func() error { _, err := s.Update(ctx, acme); return err })
	call("rename", func() error {
		renamed := acme
		renamed.Identifier = "other"
		_, err := s.Update(ctx, renamed)
		return err
	})
	call("SetStatus", func() error { _, err := s.SetStatus(ctx, acme.ID, tenancy.StatusActive); return err })
	call("BulkUpdateStatus", func() error {
		_, err := s.BulkUpdateStatus(ctx, []string{acme.ID}, tenancy.StatusActive)
		return err
	})
	call("UpdateMetadata", func() error { _, err := s.UpdateMetadata(ctx, acme.ID, patch); return err })
	call("Delete", func() error { return s.Delete(ctx, acme.ID) })
	return results
}

// A database must not answer "nothing" where it means "no": somebody has switched on
// row-level security, and the role of the store is neither the owner nor exempt.
func TestRowSecurityIsAnOutage(t *testing.T) {
	dsn := newDatabase(t)
	owner := open(t, dsn)
	admin := connect(t, dsn)
	acme := create(t, owner, "acme")
	_, roleDSN := newRole(t, dsn)
	pooler := newPooler(t, roleDSN, false)
	stores := map[string]*bunstore.Store{
		"directly":              open(t, roleDSN),
		"WithPgBouncer":         open(t, pooler.url, bunpg.WithPgBouncer()),
		"a *bun.DB of its own":  bare(t, roleDSN),
		"a *bun.DB by a pooler": bare(t, pooler.url+"&default_query_exec_mode=exec"),
	}
	patch := metadata(t, `{"k":1}`)
	for _, policy := range []string{"", `CREATE POLICY others ON tenants USING (id = 'other')`} {
		exec(t, admin, `ALTER TABLE tenants ENABLE ROW LEVEL SECURITY; `+policy)
		for name, s := range stores {
			for call, err := range everyCall(t.Context(), s, acme, patch) {
				if !errors.Is(err, tenancy.ErrUnavailable) || errors.Is(err, tenancy.ErrNotFound) {
					t.Errorf("%s, %s: %v; want ErrUnavailable", name, call, err)
				}
			}
		}
		if got, err := owner.GetByID(t.Context(), acme.ID); err != nil || got != acme {
			t.Errorf("the owner reads %v, %v", got, err)
		}
	}
	exec(t, admin, `ALTER TABLE tenants DISABLE ROW LEVEL SECURITY; ALTER TABLE tenants_changes ENABLE ROW LEVEL SECURITY`)
	for name, s := range stores {
		if got, err := s.GetByID(t.Context(), acme.ID); err != nil || got != acme {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		for call, err := range map[string]error{
			"Head":    func() error { _, err := s.Bounds(t.Context()); return err }(),
			"Changes": func() error { _, err := s.Changes(t.Context(), tenancy.Position{}, 0); return err }(),
			"Load": func() error {
				_, err := s.Load(t.Context(), []tenancy.Lookup{{Key: tenancy.IDKey(acme.ID)}})
				return err
			}(),
			"Create": func() error {
				_, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "beta", Name: "Beta"})
				return err
			}(),
		} {
			if !errors.Is(err, tenancy.ErrUnavailable) || errors.Is(err, tenancy.ErrCompacted) {
				t.Errorf("%s, %s: %v; want ErrUnavailable", name, call, err)
			}
		}
	}
	exec(t, admin, `ALTER TABLE tenants_changes DISABLE ROW LEVEL SECURITY; ALTER TABLE tenants_schema ENABLE ROW LEVEL SECURITY`)
	for name, s := range stores {
		if err := s.Migrate(t.Context()); !errors.Is(err, tenancy.ErrUnavailable) {
			t.Errorf("%s: Migrate: %v; want ErrUnavailable", name, err)
		}
	}
	exec(t, admin, `ALTER TABLE tenants_schema DISABLE ROW LEVEL SECURITY`)
	for name, s := range stores {
		if _, err := s.SetStatus(t.Context(), acme.ID, tenancy.StatusActive); err != nil {
			t.Errorf("%s, afterwards: %v", name, err)
		}
	}
}

// Where there was a store, Migrate does not make an empty one.
func TestTenantsGone(t *testing.T) {
	for _, spoil := range []string{
		`ALTER TABLE tenants RENAME TO old`,
		`CREATE SCHEMA other; ALTER TABLE tenants SET SCHEMA other`,
		`ALTER TABLE tenants RENAME TO old; CREATE VIEW tenants AS SELECT * FROM old WHERE false`,
		`ALTER TABLE tenants RENAME TO old; CREATE MATERIALIZED VIEW tenants AS SELECT * FROM old WHERE false`,
	} {
		dsn := newDatabase(t)
		open(t, dsn)
		exec(t, connect(t, dsn), spoil)
		s, err := bunpg.Open(t.Context(), dsn)
		if err == nil {
			_ = s.Close()
		}
		if !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "the table tenants is gone") {
			t.Errorf("%s: Open: %v", spoil, err)
		}
	}
}
