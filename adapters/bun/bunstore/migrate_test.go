package bunstore_test

import (
	"errors"
	"net/url"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/uptrace/bun"
	bundialect "github.com/uptrace/bun/dialect"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// unmigrated returns a store whose Migrate was not called.
func unmigrated(tb testing.TB, db *bun.DB, opts ...bunstore.Option) *bunstore.Store {
	tb.Helper()
	s, err := bunstore.New(db, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// Each of the 32 has a pool of its own, as 32 processes would.
func TestMigrateManyAtOnce(t *testing.T) {
	run := func(t *testing.T, open func() *bun.DB) {
		stores := make([]*bunstore.Store, 32)
		for i := range stores {
			stores[i] = unmigrated(t, open(), bunstore.WithSchema("app"))
		}
		var starters sync.WaitGroup
		for _, s := range stores {
			starters.Go(func() {
				if err := s.Migrate(t.Context()); err != nil {
					t.Errorf("Migrate: %v", err)
				}
			})
		}
		starters.Wait()
		head, err := stores[0].Bounds(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if head.Newest.Revision != 1 || head.Oldest != head.Newest {
			t.Errorf("the log begins as %v, want one row", head)
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "tenants.db")
		run(t, func() *bun.DB { return sqliteDB(t, path) })
	})
	t.Run("postgres", func(t *testing.T) {
		dsn := newPostgres(t)
		run(t, func() *bun.DB { return postgresDB(t, dsn) })
	})
	t.Run("mysql", func(t *testing.T) {
		dsn := newMySQL(t)
		run(t, func() *bun.DB { return mysqlDB(t, dsn) })
	})
}

func TestMigrateKeepsTenants(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		s := newStore(t, db)
		created, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"})
		if err != nil {
			t.Fatal(err)
		}
		again := newStore(t, db)
		if got, err := again.GetByID(t.Context(), created.ID); err != nil || got != created {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

func TestTwoStoresInOneDatabase(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		a, b := newStore(t, db), newStore(t, db, bunstore.WithTable("other"))
		if _, err := a.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
			t.Fatal(err)
		}
		if n, err := b.Count(t.Context(), tenancy.Filter{}); n != 0 || err != nil {
			t.Errorf("the other store holds %d, %v", n, err)
		}
		if head, err := b.Bounds(t.Context()); err != nil || head.Newest.Revision != 1 {
			t.Errorf("the other log stands at %v, %v", head, err)
		}
	})
}

func TestWithoutMigrateSaysSo(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		s := unmigrated(t, db)
		_, getErr := s.GetByID(t.Context(), "id")
		_, createErr := s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"})
		for op, err := range map[string]error{"GetByID": getErr, "Create": createErr} {
			if !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "run Migrate") {
				t.Errorf("%s: %v, want a hint at Migrate", op, err)
			}
		}
	})
}

func TestMigrateRefusesASchemaThatNeedsANewerLibrary(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		s := newStore(t, db)
		if _, err := db.ExecContext(t.Context(), "INSERT INTO tenants_schema (version, compatible_from) VALUES (7, 1)"); err != nil {
			t.Fatal(err)
		}
		if err := s.Migrate(t.Context()); err != nil {
			t.Errorf("newer but compatible: %v", err)
		}
		if _, err := db.ExecContext(t.Context(), "INSERT INTO tenants_schema (version, compatible_from) VALUES (8, 3)"); err != nil {
			t.Fatal(err)
		}
		if err := s.Migrate(t.Context()); !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "newer version") {
			t.Errorf("incompatible: %v", err)
		}
		if _, err := db.ExecContext(t.Context(), "DELETE FROM tenants_schema"); err != nil {
			t.Fatal(err)
		}
		if err := s.Migrate(t.Context()); !errors.Is(err, tenancy.ErrUnavailable) {
			t.Errorf("no version: %v", err)
		}
	})
}

func TestMigrateLeavesATableOfOthersAlone(t *testing.T) {
	for what, text := range map[string]string{
		"a table":  "CREATE TABLE tenants (number integer)",
		"the like": "CREATE TABLE tenants (id text, identifier text, name text, status text, created_at timestamp, updated_at timestamp)",
		"a view":   "CREATE VIEW tenants AS SELECT 1 AS number",
		"changes":  "CREATE TABLE tenants_changes (number integer)",
		"versions": "CREATE TABLE tenants_schema (version integer)",
		"an index": "CREATE TABLE tenants_status_idx (number integer)",
		// In one of the two databases.
		"lock":           "CREATE TABLE tenants_lock (id integer, holder text)",
		"another's lock": "CREATE TABLE tenants_lock (id smallint)",
		"a key":          "CREATE TABLE tenants_pkey (number integer)",
		"index of other": "CREATE TABLE t (created_at integer, id integer); CREATE INDEX tenants_created_at_idx ON t (created_at, id)",
		"colliding":      "CREATE TABLE tenants_colliding (id text)",
		"actor":          "CREATE TABLE tenants_actor (actor text)",
	} {
		t.Run(what, func(t *testing.T) {
			each(t, func(t *testing.T, db *bun.DB) {
				if db.Dialect().Name() == bundialect.MySQL && !slices.Contains([]string{"a table", "the like", "a view", "changes", "versions"}, what) {
					return // such a name means nothing there
				}
				postgres := db.Dialect().Name() == bundialect.PG
				if sqliteOnly := strings.Contains(what, "colliding") || what == "actor"; sqliteOnly == postgres &&
					slices.Contains([]string{"lock", "another's lock", "a key", "colliding", "actor"}, what) {
					return // such a name means nothing there
				}
				if _, err := db.ExecContext(t.Context(), text); err != nil {
					t.Fatal(err)
				}
				err := unmigrated(t, db).Migrate(t.Context())
				if !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "choose another with WithTable") {
					t.Errorf("err = %v", err)
				}
				if _, err := db.ExecContext(t.Context(), text); err == nil {
					t.Error("it is gone")
				}
				for _, table := range []string{"tenants_lock", "tenants_colliding", "tenants_head"} { // one for each kind of database
					if strings.Contains(text, table) {
						continue
					}
					if _, err := db.ExecContext(t.Context(), "SELECT 1 FROM "+table); err == nil {
						t.Errorf("%s was created all the same", table)
					}
				}
				if err := unmigrated(t, db, bunstore.WithTable("customers")).Migrate(t.Context()); err != nil {
					t.Errorf("another name: %v", err)
				}
			})
		})
	}
}

// What a database administrator gets is what Migrate does.
func TestDDLCanBeRunByHand(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		opts := []bunstore.Option{bunstore.WithSchema("app"), bunstore.WithTable("customers")}
		text, err := bunstore.DDL(db.Dialect().Name(), opts...)
		if err != nil {
			t.Fatal(err)
		}
		if db.Dialect().Name() == bundialect.MySQL {
			mysqlClient(t, db, text)
		} else if _, err := db.DB.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("DDL: %v", err)
		}
		s := newStore(t, db, opts...)
		if created, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil || created.Revision != 2 {
			t.Errorf("created %v, %v", created, err)
		}
	})
}

// mysqlClient runs the client of MariaDB with this input, in the database of db.
func mysqlClient(t *testing.T, db *bun.DB, input string) {
	t.Helper()
	u, err := url.Parse(os.Getenv("TENANTSTORE_MYSQL"))
	if err != nil {
		t.Fatal("TENANTSTORE_MYSQL is not a valid URL")
	}
	var name string
	if err := db.QueryRowContext(t.Context(), "SELECT DATABASE()").Scan(&name); err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	cmd := osexec.CommandContext(t.Context(), "mariadb", "--no-defaults", "--protocol=tcp", "--host="+u.Hostname(), "--port="+u.Port(), "--user="+u.User.Username(), name)
	cmd.Env, cmd.Stdin = append(os.Environ(), "MYSQL_PWD="+password), strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("mariadb: %v\n%s", err, out)
	}
}

// What is written while triggers are missing or disabled reaches no cache.
func TestMigrateRepairsTriggers(t *testing.T) {
	for what, text := range map[string]string{
		"disabled":             "ALTER TABLE tenants DISABLE TRIGGER zzz_tenants_record",
		"not always":           "ALTER TABLE tenants ENABLE TRIGGER aaa_tenants_lock",
		"all disabled":         "ALTER TABLE tenants DISABLE TRIGGER USER",
		"dumped without":       "DROP FUNCTION tenants_take_lock, tenants_record, tenants_record_truncate, tenants_append, tenants_keep_newest CASCADE",
		"the log's, disabled":  "ALTER TABLE tenants_changes DISABLE TRIGGER USER",
		"the log's, dropped":   "DROP TRIGGER tenants_keep_newest ON tenants_changes",
		"the log's truncation": "DROP TRIGGER tenants_keep_newest_truncate ON tenants_changes",
	} {
		t.Run(what, func(t *testing.T) {
			db := postgresDB(t, newPostgres(t))
			s := newStore(t, db)
			ctx := t.Context()
			exec := func(text string) {
				t.Helper()
				if _, err := db.ExecContext(ctx, text); err != nil {
					t.Fatalf("%s: %v", text, err)
				}
			}
			logged := func(after tenancy.Position, do string) (ops []tenancy.ChangeKind) {
				t.Helper()
				exec(do)
				changes, err := s.Changes(ctx, after, 0)
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range changes {
					ops = append(ops, c.Kind)
				}
				return ops
			}
			newest := func() tenancy.Position {
				t.Helper()
				head, err := s.Bounds(ctx)
				if err != nil {
					t.Fatal(err)
				}
				return head.Newest
			}
			created, err := s.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"})
			if err != nil {
				t.Fatal(err)
			}
			exec(text)
			exec("UPDATE tenants SET status = 'suspended'")
			before := newest()
			for range 2 { // the second time there is nothing to do
				if err := s.Migrate(ctx); err != nil {
					t.Fatal(err)
				}
			}
			if got := logged(before, "SELECT 1"); !slices.Equal(got, []tenancy.ChangeKind{tenancy.ChangeReset}) {
				t.Errorf("logged %v, want one reset", got)
			}
			if got := logged(newest(), "SET session_replication_role = replica; UPDATE tenants SET name = 'B'; RESET session_replication_role"); !slices.Equal(got, []tenancy.ChangeKind{tenancy.ChangeUpdate}) {
				t.Errorf("logged %v for an edit, want one update", got)
			}
			if got, err := s.GetByID(ctx, created.ID); err != nil || got.Revision != newest().Revision {
				t.Errorf("got %v, %v", got, err)
			}
			if _, err := db.ExecContext(ctx, "DELETE FROM tenants_changes"); err == nil {
				t.Error("the log may lose its newest row")
			}
		})
	}
}

// The triggers of a newer version may have other names.
func TestMigrateLeavesTriggersOfANewerVersionAlone(t *testing.T) {
	db := postgresDB(t, newPostgres(t))
	s := newStore(t, db)
	for _, text := range []string{
		"INSERT INTO tenants_schema (version, compatible_from) VALUES (7, 1)",
		"ALTER TRIGGER zzz_tenants_record ON tenants RENAME TO zzz_tenants_record_7",
	} {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Error(err)
	}
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_trigger WHERE tgname = 'zzz_tenants_record'").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d triggers of the old name, %v", n, err)
	}
}
