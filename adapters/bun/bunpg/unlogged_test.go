package bunpg_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Where triggers do not do their work, a write through the library would reach neither
// log nor caches: it fails, changes nothing, and says what is wrong. Migrate mends it.
func TestWritesNeedTheTriggers(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  string
		logged string // the calls whose writes reach the log all the same
	}{
		"all disabled":       {spoil: `ALTER TABLE tenants DISABLE TRIGGER ALL`},
		"user disabled":      {spoil: `ALTER TABLE tenants DISABLE TRIGGER USER`},
		"stamp disabled":     {spoil: `ALTER TABLE tenants DISABLE TRIGGER zzz_tenants_record`},
		"stamp dropped":      {spoil: `DROP TRIGGER zzz_tenants_record ON tenants`},
		"for replicas":       {spoil: `ALTER TABLE tenants ENABLE REPLICA TRIGGER zzz_tenants_record`},
		"lock disabled":      {spoil: `ALTER TABLE tenants DISABLE TRIGGER aaa_tenants_lock`, logged: everyWrite},
		"log disabled":       {spoil: `ALTER TABLE tenants DISABLE TRIGGER zzz_tenants_log_update; ALTER TABLE tenants DISABLE TRIGGER zzz_tenants_log_insert`, logged: "Delete"},
		"inserts not logged": {spoil: `ALTER TABLE tenants DISABLE TRIGGER zzz_tenants_log_insert`, logged: "BulkUpdateStatus Delete SetStatus Update UpdateMetadata"},
		"updates not logged": {spoil: `DROP TRIGGER zzz_tenants_log_update ON tenants`, logged: "Create CreateBatch Delete"},
		"log for replicas":   {spoil: `ALTER TABLE tenants ENABLE REPLICA TRIGGER zzz_tenants_log_update`, logged: "Create CreateBatch Delete"},
		"all enabled":        {spoil: `ALTER TABLE tenants DISABLE TRIGGER ALL; ALTER TABLE tenants ENABLE TRIGGER ALL`, logged: everyWrite},
		"all always":         {spoil: `ALTER TABLE tenants ENABLE ALWAYS TRIGGER zzz_tenants_log_row`, logged: everyWrite},
		"only the row's":     {spoil: `ALTER TABLE tenants ENABLE TRIGGER zzz_tenants_log_row; ALTER TABLE tenants DISABLE TRIGGER zzz_tenants_log_update`, logged: "Create CreateBatch Delete"},
		"functions dropped":  {spoil: `DROP FUNCTION tenants_take_lock, tenants_record, tenants_record_truncate, tenants_append, tenants_keep_newest CASCADE`},
		"helper dropped":     {spoil: `DROP FUNCTION tenants_newest; DROP FUNCTION tenants_append`},
		"function emptied":   {spoil: `CREATE OR REPLACE FUNCTION tenants_record() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF TG_OP = ''DELETE'' THEN RETURN OLD; END IF; RETURN NEW; END'`},
		"lock row gone":      {spoil: `DELETE FROM tenants_lock`},
		"lock gone":          {spoil: `DROP TABLE tenants_lock`},
		"log gone":           {spoil: `DROP TABLE tenants_changes`},
		"log emptied":        {spoil: `ALTER TABLE tenants_changes DISABLE TRIGGER ALL; DELETE FROM tenants_changes; ALTER TABLE tenants DISABLE TRIGGER ALL`},
		"log a view":         {spoil: `ALTER TABLE tenants_changes RENAME TO old; CREATE VIEW tenants_changes AS SELECT * FROM old`},
		"log with a rule":    {spoil: `CREATE RULE lost AS ON INSERT TO tenants_changes DO INSTEAD NOTHING`},
		"a rule":             {spoil: `CREATE RULE i AS ON INSERT TO tenants DO INSTEAD NOTHING; CREATE RULE u AS ON UPDATE TO tenants DO INSTEAD NOTHING; CREATE RULE d AS ON DELETE TO tenants DO INSTEAD NOTHING`},
	} {
		t.Run(name, func(t *testing.T) {
			dsn := newDatabase(t)
			store := open(t, dsn)
			admin := connect(t, dsn)
			acme, gone := create(t, store, "acme"), create(t, store, "gone")
			exec(t, admin, c.spoil)
			acme.Name = "Other"
			var logged []string
			for op, write := range map[string]func() error{
				"Create": func() error {
					_, err := store.Create(t.Context(), tenancy.Tenant{Identifier: "beta", Name: "Beta"})
					return err
				},
				"CreateBatch": func() error {
					rs, err := store.CreateBatch(t.Context(), []tenancy.Tenant{{Identifier: "gamma", Name: "Gamma"}})
					for _, r := range rs {
						err = errors.Join(err, r.Err)
					}
					return err
				},
				"Update": func() error {
					acme.Revision = tenancy.AnyRevision
					_, err := store.Update(t.Context(), acme)
					return err
				},
				"SetStatus": func() error { _, err := store.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended); return err },
				"BulkUpdateStatus": func() error {
					_, err := store.BulkUpdateStatus(t.Context(), []string{acme.ID}, tenancy.StatusSuspended)
					return err
				},
				"UpdateMetadata": func() error {
					_, err := store.UpdateMetadata(t.Context(), acme.ID, metadata(t, `{"a":1}`))
					return err
				},
				"Delete": func() error { return store.Delete(t.Context(), gone.ID) },
			} {
				before := one[string](t, admin, `SELECT string_agg(t::text, ' ') FROM tenants AS t`)
				err := write()
				if err == nil {
					logged = append(logged, op)
				} else if !errors.Is(err, tenancy.ErrUnavailable) || !errors.Is(err, tenancy.ErrNotApplied) {
					t.Errorf("%s: %v, want ErrUnavailable that was not applied", op, err)
				} else if !strings.Contains(err.Error(), "run Migrate") && !strings.Contains(err.Error(), "DROP RULE") {
					t.Errorf("%s: %v, want it to say what to do", op, err)
				}
				if got := one[string](t, admin, `SELECT string_agg(t::text, ' ') FROM tenants AS t`); err != nil && got != before {
					t.Errorf("%s: %v, but the table has %s", op, err, got)
				}
			}
			slices.Sort(logged)
			if got := strings.Join(logged, " "); got != c.logged {
				t.Errorf("no error from %q, want it from %q", got, c.logged)
			}
			if c.logged != "" {
				checkLog(t, admin)
			}
			exec(t, admin, `DROP RULE IF EXISTS i ON tenants; DROP RULE IF EXISTS u ON tenants; DROP RULE IF EXISTS d ON tenants`)
			if name == "log with a rule" {
				exec(t, admin, `DROP RULE lost ON tenants_changes`)
			}
			if name == "log a view" {
				exec(t, admin, `DROP VIEW tenants_changes; ALTER TABLE old RENAME TO tenants_changes`)
			}
			if err := store.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			was, err := store.GetByID(t.Context(), acme.ID)
			if err != nil {
				t.Fatal(err)
			}
			updated, err := store.Update(t.Context(), was)
			if err != nil || updated.Revision <= was.Revision {
				t.Errorf("after Migrate: %v", err)
			}
			if _, err := store.Update(t.Context(), was); !errors.Is(err, tenancy.ErrConflict) {
				t.Errorf("a second Update from one revision: %v", err)
			}
			if found, err := store.Check(t.Context()); err != nil || len(found) > 0 {
				t.Errorf("after Migrate, Check finds %v, %v", found, err)
			}
			if name == "log gone" || name == "log emptied" { // it goes on behind the tenants
				_, err = store.Changes(t.Context(), was.Position(), 0)
				if !errors.Is(err, tenancy.ErrCompacted) {
					t.Errorf("Changes from before: %v, want ErrCompacted", err)
				}
				return
			}
			exec(t, admin, `UPDATE tenants SET name = name`) // their entries are older than the reset
			checkLog(t, admin)
		})
	}
}

const everyWrite = "BulkUpdateStatus Create CreateBatch Delete SetStatus Update UpdateMetadata"

// In a session like those of logical replication, other triggers keep the log.
func TestWritesOfAReplicaNeedTheTriggers(t *testing.T) {
	dsn := newDatabase(t)
	acme := create(t, open(t, dsn), "acme")
	admin := connect(t, dsn)
	replica := open(t, dsn+"&session_replication_role=replica")
	suspend := func() error {
		_, err := replica.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended)
		return err
	}
	if err := suspend(); err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{`DISABLE`, `ENABLE`} {
		exec(t, admin, `ALTER TABLE tenants `+state+` TRIGGER zzz_tenants_log_row`)
		if err := suspend(); !errors.Is(err, tenancy.ErrNotApplied) || !strings.Contains(err.Error(), "run Migrate") {
			t.Errorf("%s: %v", state, err)
		}
		if err := replica.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := suspend(); err != nil {
			t.Fatal(err)
		}
	}
	exec(t, admin, `ALTER TABLE tenants ENABLE ALWAYS TRIGGER zzz_tenants_log_update`)
	if err := suspend(); err != nil {
		t.Fatal(err)
	}
	exec(t, admin, `UPDATE tenants SET name = name`)
	checkLog(t, admin)
}

// A trigger is known by what it calls.
func TestRenamedTriggers(t *testing.T) {
	dsn := newDatabase(t)
	store := open(t, dsn)
	admin := connect(t, dsn)
	acme := create(t, store, "acme")
	exec(t, admin, `ALTER TRIGGER zzz_tenants_record ON tenants RENAME TO zzz_stamp; ALTER TRIGGER zzz_tenants_log_update ON tenants RENAME TO zzz_log`)
	suspend := func() int64 {
		t.Helper()
		before := one[int64](t, admin, `SELECT max(revision) FROM tenants_changes`)
		if _, err := store.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended); err != nil {
			t.Fatal(err)
		}
		return one[int64](t, admin, `SELECT max(revision) FROM tenants_changes`) - before
	}
	migrate := func() {
		t.Helper()
		if err := store.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	migrate()
	if n := suspend(); n != 1 {
		t.Errorf("logged %d times", n)
	}
	exec(t, admin, `ALTER TABLE tenants DISABLE TRIGGER ALL`)
	migrate()
	if n := suspend(); n != 1 {
		t.Errorf("after the repair, logged %d times", n)
	}
	if n := one[int](t, admin, `SELECT count(*) FROM pg_trigger WHERE tgrelid = 'tenants'::regclass`); n != 11 {
		t.Errorf("%d triggers, want 11", n)
	}
	if n := one[int](t, admin, `SELECT count(*) FROM tenants_changes WHERE op = 'reset'`); n != 2 {
		t.Errorf("%d resets, want that of the new log and one of the repair", n)
	}
	checkLog(t, admin)
}
