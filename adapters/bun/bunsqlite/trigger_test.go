package bunsqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// rows returns what a query selects, as text.
func rows(tb testing.TB, conn *sql.Conn, query string) (lines []string) {
	tb.Helper()
	result, err := conn.QueryContext(tb.Context(), query)
	if err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = result.Close() }()
	for result.Next() {
		var line string
		if err := result.Scan(&line); err != nil {
			tb.Fatal(err)
		}
		lines = append(lines, line)
	}
	if err := result.Err(); err != nil {
		tb.Fatal(err)
	}
	return lines
}

const storedRows = "SELECT concat_ws('|', id, identifier, name, status, metadata, updated_at, revision, mark) FROM tenants ORDER BY id"

// writes are all writes of a tenant that is there.
func writes(t tenancy.Tenant) map[string]func(context.Context, *bunstore.Store) error {
	patch, err := tenancy.NewMetadata(map[string]string{"a": tenancy.NewID()})
	fresh := func() tenancy.Tenant {
		return tenancy.Tenant{Identifier: "n" + tenancy.NewID()[20:], Name: "New"}
	}
	return map[string]func(context.Context, *bunstore.Store) error{
		"Create": func(ctx context.Context, s *bunstore.Store) error { _, err := s.Create(ctx, fresh()); return err },
		"CreateBatch": func(ctx context.Context, s *bunstore.Store) error {
			_, err := s.CreateBatch(ctx, []tenancy.Tenant{fresh(), fresh()})
			return err
		},
		"Update": func(ctx context.Context, s *bunstore.Store) error {
			t.Name, t.Revision = "Other", tenancy.AnyRevision
			_, err := s.Update(ctx, t)
			return err
		},
		"SetStatus": func(ctx context.Context, s *bunstore.Store) error {
			_, err := s.SetStatus(ctx, t.ID, tenancy.StatusSuspended)
			return err
		},
		"BulkUpdateStatus": func(ctx context.Context, s *bunstore.Store) error {
			_, err := s.BulkUpdateStatus(ctx, []string{t.ID}, tenancy.StatusSuspended)
			return err
		},
		"UpdateMetadata": func(ctx context.Context, s *bunstore.Store) error {
			_, patchErr := s.UpdateMetadata(ctx, t.ID, patch)
			return errors.Join(err, patchErr)
		},
		"Delete": func(ctx context.Context, s *bunstore.Store) error { return s.Delete(ctx, t.ID) },
	}
}

// A write that the log would not show, because somebody has taken a trigger away or
// put something else in its place, fails and changes nothing, until Migrate was run.
func TestWritesNeedTheTriggers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.db")
	s := open(t, path)
	other := shell(t, path)
	triggers := rows(t, other, "SELECT name FROM sqlite_master WHERE type = 'trigger'")
	if len(triggers) < 9 {
		t.Fatalf("triggers %v", triggers)
	}
	spoil := map[string]func(){
		"twice": func() {
			text := rows(t, other, "SELECT sql FROM sqlite_master WHERE name = 'tenants_record_update'")[0]
			run(t, other, strings.Replace(text, "tenants_record_update", "again", 1))
		},
		"all": func() {
			for _, name := range triggers {
				run(t, other, "DROP TRIGGER "+name)
			}
		},
		"as it was once": func() {
			text := rows(t, other, "SELECT sql FROM sqlite_master WHERE name = 'tenants_record_update'")[0]
			run(t, other, "DROP TRIGGER tenants_record_update")
			run(t, other, strings.Replace(text, "json_group_array(json_array(kind, value))", "'[]'", 1))
		},
	}
	for _, name := range triggers {
		spoil["no "+name] = func() { run(t, other, "DROP TRIGGER "+name) }
		spoil["empty "+name] = func() {
			event, _, _ := strings.Cut(rows(t, other, "SELECT sql FROM sqlite_master WHERE name = '"+name+"'")[0], "BEGIN")
			run(t, other, "DROP TRIGGER "+name)
			run(t, other, event+"BEGIN SELECT 1; END")
		}
	}
	for what, spoil := range spoil {
		kept := create(t, s, "k"+tenancy.NewID()[20:])
		start := newest(t, s)
		spoil()
		before := rows(t, other, storedRows)
		for op, write := range writes(kept) {
			if err := write(t.Context(), s); !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "run Migrate") || !strings.Contains(err.Error(), "trigger") {
				t.Errorf("%s: %s: %v, want ErrUnavailable and what to do", what, op, err)
			}
		}
		if after := rows(t, other, storedRows); !slices.Equal(after, before) {
			t.Errorf("%s: something was written: %q, then %q", what, before, after)
		}
		if newest(t, s) != start {
			t.Errorf("%s: something was logged", what)
		}
		run(t, other, "INSERT INTO tenants (identifier, name) VALUES ('h"+tenancy.NewID()[20:]+"', 'By hand')")

		if err := s.Migrate(t.Context()); err != nil {
			t.Fatalf("%s: Migrate: %v", what, err)
		}
		cs, err := s.Changes(t.Context(), start, 0)
		if err != nil || !slices.ContainsFunc(cs, func(c tenancy.Change) bool { return c.Kind == tenancy.ChangeReset }) {
			t.Errorf("%s: Migrate logged %+v, %v; want a reset", what, cs, err)
		}
		if got := rows(t, other, "SELECT name FROM sqlite_master WHERE type = 'trigger'"); len(got) != len(triggers) {
			t.Errorf("%s: after Migrate the triggers are %v", what, got)
		}
		for op, write := range writes(kept) {
			if op == "Delete" {
				continue
			}
			if err := write(t.Context(), s); err != nil {
				t.Errorf("%s: after Migrate, %s: %v", what, op, err)
			}
		}
		for got, err := range tenancy.All(t.Context(), s, tenancy.ListOptions{}) {
			if err != nil || got.Mark == 0 || got.Revision == 0 {
				t.Errorf("%s: %s is at %v, %v", what, got.Identifier, got.Position(), err)
			}
		}
	}
}

// What else is done to the schema of the file keeps nobody from writing: a trigger
// under another name, or in another style, does its work.
func TestWritesBesideOtherSchemaChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.db")
	s := open(t, path)
	acme := create(t, s, "acme")
	other := shell(t, path)
	text := rows(t, other, "SELECT sql FROM sqlite_master WHERE name = 'tenants_record_update'")[0]
	for i, change := range []string{
		"CREATE TABLE customers (n)",
		"CREATE INDEX tenants_own ON tenants (schema_name)",
		"CREATE TRIGGER own AFTER INSERT ON tenants BEGIN INSERT INTO customers VALUES (NEW.id); END",
		"ALTER TABLE tenants ADD COLUMN own TEXT",
		"ANALYZE",
		"VACUUM",
		"DROP TRIGGER tenants_record_update;" + strings.Replace(text, "tenants_record_update", "renamed", 1),
		"DROP TRIGGER renamed;" + strings.NewReplacer("BEGIN", "BEGIN -- log\n", " ", "\n\t").Replace(text),
	} {
		run(t, other, change)
		start := newest(t, s)
		if _, err := s.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended); err != nil {
			t.Errorf("after %s: %v", change, err)
		}
		if got := since(t, s, start); len(got) != 1 {
			t.Errorf("after %s: logged %v", change, got)
		}
		start = newest(t, s)
		if err := s.Migrate(t.Context()); err != nil || newest(t, s) != start {
			t.Errorf("%d: Migrate: %v, the log is at %v, was at %v", i, err, newest(t, s), start)
		}
	}
}

// Migrate makes anew what is missing, whatever it is, and adds what a schema from
// before the first release lacks.
func TestMigrateRepairs(t *testing.T) {
	for what, spoil := range map[string][]string{
		"helper tables": {"DROP TABLE tenants_colliding", "DROP TABLE tenants_actor"},
		"index":         {"DROP INDEX tenants_status_idx"},
		"log":           {"DROP TABLE tenants_changes"},
		"empty log":     {"DROP TRIGGER tenants_keep_newest", "DELETE FROM tenants_changes"},
		"pre-release": {
			"TRIGGERS", "ALTER TABLE tenants DROP COLUMN mark", "ALTER TABLE tenants_changes DROP COLUMN actor",
			"ALTER TABLE tenants_changes DROP COLUMN fields", "DROP TABLE tenants_actor",
		},
		"search": {"DROP TRIGGER tenants_search_update", "UPDATE tenants SET name = 'other' WHERE identifier = 'acme'"},
	} {
		t.Run(what, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tenants.db")
			indexed := bunsqlite.WithStore(bunstore.WithSearchIndex())
			s := open(t, path, indexed)
			acme := create(t, s, "acme")
			other := shell(t, path)
			for _, text := range spoil {
				if text == "TRIGGERS" {
					for _, name := range rows(t, other, "SELECT name FROM sqlite_master WHERE type = 'trigger'") {
						run(t, other, "DROP TRIGGER "+name)
					}
					continue
				}
				run(t, other, text)
			}
			s = open(t, path, indexed)
			head, err := s.Bounds(t.Context())
			if err != nil || head.Newest.Revision < acme.Revision || head.Newest.Mark == 0 {
				t.Errorf("the log is at %v, %v; acme was at %v", head, err, acme.Position())
			}
			acme, err = s.GetByID(t.Context(), acme.ID)
			if err != nil || acme.Mark == 0 {
				t.Fatalf("acme: %+v, %v", acme, err)
			}
			if _, err := s.Update(tenancy.WithActor(t.Context(), "alice"), acme); err != nil {
				t.Errorf("Update: %v", err)
			}
			if got := fmt.Sprint(rows(t, other, "SELECT s.text FROM tenants_search_fts AS f JOIN tenants_search AS s ON s.docid = f.rowid WHERE tenants_search_fts MATCH '\"oth\"'")); what == "search" && !strings.Contains(got, "other") {
				t.Errorf("the index finds %s", got)
			}
			if err := s.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// Where there was a store, Migrate does not make an empty one.
func TestTenantsGone(t *testing.T) {
	for _, spoil := range []string{"", "CREATE VIEW tenants AS SELECT * FROM old WHERE false"} {
		path := filepath.Join(t.TempDir(), "tenants.db")
		create(t, open(t, path), "acme")
		other := shell(t, path)
		run(t, other, "ALTER TABLE tenants RENAME TO old")
		if spoil != "" {
			run(t, other, spoil)
		}
		s, err := bunsqlite.Open(t.Context(), path)
		if err == nil {
			_ = s.Close()
		}
		if !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "the table tenants is gone") {
			t.Errorf("%q: Open: %v", spoil, err)
		}
	}
}
