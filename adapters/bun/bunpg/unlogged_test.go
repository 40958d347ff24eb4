package bunpg_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Where triggers do not do their work, a write through the library would reach neither
// log nor caches: it fails, changes nothing, and says what is wrong. Migrate mends it.
func TestWritesNeedTheTriggers(t *testing.T) {
	for name, spoil := range map[string]string{
		"all disabled":      `ALTER TABLE tenants DISABLE TRIGGER ALL`,
		"user disabled":     `ALTER TABLE tenants DISABLE TRIGGER USER`,
		"stamp disabled":    `ALTER TABLE tenants DISABLE TRIGGER zzz_tenants_record`,
		"stamp dropped":     `DROP TRIGGER zzz_tenants_record ON tenants`,
		"for replicas":      `ALTER TABLE tenants ENABLE REPLICA TRIGGER zzz_tenants_record`,
		"log disabled":      `ALTER TABLE tenants DISABLE TRIGGER zzz_tenants_log_update; ALTER TABLE tenants DISABLE TRIGGER zzz_tenants_log_insert`,
		"log for replicas":  `ALTER TABLE tenants ENABLE REPLICA TRIGGER zzz_tenants_log_update`,
		"log dropped":       `DROP FUNCTION tenants_log CASCADE`,
		"functions dropped": `DROP FUNCTION tenants_take_lock, tenants_record, tenants_record_truncate, tenants_append, tenants_keep_newest CASCADE`,
		"helper dropped":    `DROP FUNCTION tenants_newest; DROP FUNCTION tenants_append`,
		"stamp emptied":     `CREATE OR REPLACE FUNCTION tenants_record() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF TG_OP = ''DELETE'' THEN RETURN OLD; END IF; RETURN NEW; END'`,
		"log does nothing":  `CREATE OR REPLACE FUNCTION tenants_log() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
		"lock row gone":     `DELETE FROM tenants_lock`,
		"lock gone":         `DROP TABLE tenants_lock`,
		"log gone":          `DROP TABLE tenants_changes`,
		"log emptied":       `ALTER TABLE tenants_changes DISABLE TRIGGER ALL; DELETE FROM tenants_changes; ALTER TABLE tenants DISABLE TRIGGER ALL`,
	} {
		t.Run(name, func(t *testing.T) {
			dsn := newDatabase(t)
			store := open(t, dsn)
			admin := connect(t, dsn)
			acme := create(t, store, "acme")
			exec(t, admin, spoil)
			acme.Name = "Other"
			for op, write := range map[string]func() error{
				"Create": func() error {
					_, err := store.Create(t.Context(), tenancy.Tenant{Identifier: "beta", Name: "Beta"})
					return err
				},
				"CreateBatch": func() error {
					_, err := store.CreateBatch(t.Context(), []tenancy.Tenant{{Identifier: "beta", Name: "Beta"}})
					return err
				},
				"Update":    func() error { _, err := store.Update(t.Context(), acme); return err },
				"SetStatus": func() error { _, err := store.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended); return err },
				"BulkUpdateStatus": func() error {
					_, err := store.BulkUpdateStatus(t.Context(), []string{acme.ID}, tenancy.StatusSuspended)
					return err
				},
				"UpdateMetadata": func() error {
					_, err := store.UpdateMetadata(t.Context(), acme.ID, metadata(t, `{"a":1}`))
					return err
				},
				"Delete": func() error { return store.Delete(t.Context(), acme.ID) },
			} {
				err := write()
				if !errors.Is(err, tenancy.ErrUnavailable) || !errors.Is(err, tenancy.ErrNotApplied) {
					t.Errorf("%s: %v, want ErrUnavailable that was not applied", op, err)
				} else if !strings.Contains(err.Error(), "run Migrate") {
					t.Errorf("%s: %v, want it to name Migrate", op, err)
				}
			}
			if got := one[string](t, admin, `SELECT string_agg(identifier || name || status || metadata, ' ') FROM tenants`); got != "acmeacmeactive{}" {
				t.Errorf("the table has %s", got)
			}
			if err := store.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			updated, err := store.Update(t.Context(), acme)
			if err != nil || updated.Revision <= acme.Revision {
				t.Errorf("after Migrate: %v", err)
			}
			if _, err := store.Update(t.Context(), acme); !errors.Is(err, tenancy.ErrConflict) {
				t.Errorf("a second Update from one revision: %v", err)
			}
			if name == "log gone" || name == "log emptied" { // it goes on behind the tenants
				_, err = store.Changes(t.Context(), acme.Position(), 0)
				if !errors.Is(err, tenancy.ErrCompacted) {
					t.Errorf("Changes from before: %v, want ErrCompacted", err)
				}
				return
			}
			checkLog(t, admin)
		})
	}
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
	if n := one[int](t, admin, `SELECT count(*) FROM pg_trigger WHERE tgrelid = 'tenants'::regclass`); n != 6 {
		t.Errorf("%d triggers, want 6", n)
	}
	if n := one[int](t, admin, `SELECT count(*) FROM tenants_changes WHERE op = 'reset'`); n != 2 {
		t.Errorf("%d resets, want that of the new log and one of the repair", n)
	}
	checkLog(t, admin)
}
