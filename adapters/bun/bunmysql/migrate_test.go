package bunmysql_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunmysql"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// breaking is a query hook that ends a context before the n-th statement.
type breaking struct {
	left   atomic.Int64
	cancel context.CancelFunc
}

func (b *breaking) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context {
	if b.left.Add(-1) == 0 {
		b.cancel()
	}
	return ctx
}

func (*breaking) AfterQuery(context.Context, *bun.QueryEvent) {}

// DDL commits by itself, so a migration that was cut off anywhere goes on where it was.
func TestMigrateIsCutOffAtEachStatement(t *testing.T) {
	dsn := newDatabase(t)
	for n, migrated := 1, false; !migrated; n++ {
		table := bunstore.WithTable(fmt.Sprint("t", n))
		ctx, cancel := context.WithCancel(t.Context())
		b := &breaking{cancel: cancel}
		b.left.Store(int64(n))
		s, err := bunmysql.Open(ctx, dsn, bunmysql.WithStore(table, bunstore.WithQueryHook(b), bunstore.WithLogger(nil)))
		migrated = err == nil
		switch {
		case migrated && b.left.Load() > 0:
			if n < 30 {
				t.Errorf("a migration has only %d statements", n)
			}
		case !migrated && !errors.Is(err, context.Canceled):
			t.Fatalf("cut off at statement %d: %v", n, err)
		}
		if migrated {
			migrated = b.left.Load() > 0
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		cancel()
		after := open(t, dsn, bunmysql.WithStore(table))
		created, err := after.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"})
		if err != nil || created.Revision != 2 {
			t.Fatalf("cut off at statement %d: created %+v, %v", n, created, err)
		}
		if found, err := after.Check(t.Context()); err != nil || len(found) > 0 {
			t.Errorf("cut off at statement %d: %v, %v", n, found, err)
		}
	}
}

// newUser creates a user with these privileges on the database of dsn, and returns the
// URL of the database for the user.
func newUser(t testing.TB, dsn, privileges string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	admin := connect(t, dsn)
	name := "u" + strings.ReplaceAll(tenancy.NewID(), "-", "")[:20]
	exec(t, admin, "CREATE USER "+name+"@'%' IDENTIFIED BY 'secret'")
	t.Cleanup(func() { exec(t, admin, "DROP USER "+name+"@'%'") })
	for _, grant := range strings.Split(privileges, ";") {
		what, table, _ := strings.Cut(grant, " ON ")
		exec(t, admin, "GRANT "+what+" ON "+strings.TrimPrefix(u.Path, "/")+"."+table+" TO "+name+"@'%'")
	}
	u.User = url.UserPassword(name, "secret")
	return u.String()
}

// Who may write tenants needs no right to what the triggers write.
func TestPrivileges(t *testing.T) {
	dsn := newSchema(t)
	for _, c := range []struct {
		name, privileges string
		wrong            string // what a write says; empty if it succeeds
	}{
		{"all", "ALL ON *", ""},
		{"the least of the library", "SELECT, INSERT, UPDATE, DELETE ON tenants;SELECT, UPDATE ON tenants_head;SELECT, DELETE ON tenants_changes;SELECT ON tenants_schema;SELECT ON tenants_guard;SELECT, INSERT, UPDATE, DELETE ON tenants_names", ""},
		{"no head", "SELECT, INSERT, UPDATE, DELETE ON tenants;SELECT ON tenants_changes;SELECT ON tenants_schema;SELECT ON tenants_guard;SELECT ON tenants_names", "privilege"},
		{"to read", "SELECT ON *", "privilege"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, newUser(t, dsn, c.privileges), bunmysql.WithoutMigrate(), bunmysql.WithLogger(nil))
			created, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"})
			if c.wrong != "" {
				if !errors.Is(err, tenancy.ErrUnavailable) || !errors.Is(err, tenancy.ErrNotApplied) || !strings.Contains(err.Error(), c.wrong) {
					t.Errorf("Create: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.GetByIdentifier(t.Context(), "nobody"); !errors.Is(err, tenancy.ErrNotFound) {
				t.Errorf("GetByIdentifier: %v", err)
			}
			if found, err := s.Check(t.Context()); err != nil || len(found) > 0 {
				t.Errorf("Check: %v, %v", found, err)
			}
			if _, err := s.Trim(t.Context()); err != nil {
				t.Errorf("Trim: %v", err)
			}
			if err := s.Delete(t.Context(), created.ID); err != nil {
				t.Errorf("Delete: %v", err)
			}
		})
	}
	person := connect(t, newUser(t, dsn, "SELECT, INSERT, UPDATE, DELETE ON tenants"))
	exec(t, person, `INSERT INTO tenants (identifier, name) VALUES ('by-hand', 'By Hand')`)
	checkLog(t, connect(t, dsn))
}

func TestMigrateWithoutPrivileges(t *testing.T) {
	dsn := newUser(t, newDatabase(t), "SELECT, INSERT, UPDATE, DELETE, CREATE, INDEX, REFERENCES ON *")
	_, err := bunmysql.Open(t.Context(), dsn)
	if !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "lacks a privilege") {
		t.Errorf("Open: %v", err)
	}
}

// A write whose triggers are gone fails, whoever took them away; Migrate makes them anew,
// logs that everything may have changed, and gives a place in the log to what has none.
func TestLostTriggers(t *testing.T) {
	for _, lost := range []string{"stamp_insert", "log_insert", "stamp_update", "log_update", "log_delete"} {
		t.Run(lost, func(t *testing.T) {
			dsn := newSchema(t)
			s, conn := open(t, dsn, bunmysql.WithLogger(nil)), connect(t, dsn)
			kept, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "kept", Name: "Kept"})
			if err != nil {
				t.Fatal(err)
			}
			before, err := s.Bounds(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			exec(t, conn, "DROP TRIGGER tenants_"+lost)
			var failed error
			switch {
			case strings.HasSuffix(lost, "insert"):
				_, failed = s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"})
			case strings.HasSuffix(lost, "update"):
				_, failed = s.SetStatus(t.Context(), kept.ID, tenancy.StatusSuspended)
			default:
				failed = s.Delete(t.Context(), kept.ID)
			}
			if !errors.Is(failed, tenancy.ErrUnavailable) || !errors.Is(failed, tenancy.ErrNotApplied) || !strings.Contains(failed.Error(), "run Migrate") {
				t.Errorf("the write: %v", failed)
			}
			if found, err := s.Check(t.Context()); err != nil || len(found) != 1 || !strings.Contains(fmt.Sprint(found[0].Details), lost) {
				t.Errorf("Check: %v, %v", found, err)
			}
			_ = try(conn, `INSERT INTO tenants (id, identifier, name) VALUES ('9', 'by-hand', 'By Hand')`) // refused, or not logged
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if found, err := s.Check(t.Context()); err != nil || len(found) != 0 {
				t.Errorf("Check after Migrate: %v, %v", found, err)
			}
			cs, err := s.Changes(t.Context(), before.Newest, 0)
			resets := 0
			for _, c := range cs {
				if c.Kind == tenancy.ChangeReset {
					resets++
				}
			}
			if err != nil || resets != 1 {
				t.Errorf("Changes: %v, %v, want one reset", cs, err)
			}
			checkLog(t, conn)
		})
	}
}

func TestForeignSettingsOfTables(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"engine":    {"ALTER TABLE tenants_head ENGINE = Aria", "tenants_head with the engine Aria"},
		"collation": {"ALTER TABLE tenants MODIFY identifier VARCHAR(63) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL", "identifier of tenants with the collation utf8mb4_general_ci"},
	} {
		t.Run(name, func(t *testing.T) {
			dsn := newSchema(t)
			exec(t, connect(t, dsn), c.text)
			if _, err := bunmysql.Open(t.Context(), dsn, bunmysql.WithLogger(nil)); !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open: %v", err)
			}
		})
	}
}
