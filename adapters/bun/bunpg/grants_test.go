package bunpg_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Default privileges hand the table, database URLs included, to the roles of a web API.
func TestMigrateWarnsOfReaders(t *testing.T) {
	dsn := newDatabase(t)
	admin := connect(t, dsn)
	base := one[string](t, admin, `SELECT current_database()`)
	anon, app := base+"_anon", base+"_login"
	exec(t, admin, `CREATE ROLE `+anon+` NOLOGIN; CREATE ROLE `+app+` LOGIN`)
	t.Cleanup(func() { exec(t, admin, `DROP OWNED BY `+anon+`, `+app+`; DROP ROLE `+anon+`, `+app) })
	exec(t, admin, `ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO `+anon+`, `+app)
	warnings := func(opts ...bunstore.Option) string {
		var log syncWriter
		open(t, dsn, bunpg.WithoutListen(), bunpg.WithLogger(slog.New(slog.NewTextHandler(&log, nil))), bunpg.WithStore(opts...))
		return log.String()
	}
	for _, when := range []string{"created", "there"} {
		if log := warnings(); strings.Count(log, anon) != 1 || strings.Contains(log, app) || strings.Count(log, "\n") != 1 {
			t.Errorf("%s: the log says %q", when, log)
		}
	}
	if log := warnings(bunstore.WithSchema("tenancy")); log != "" {
		t.Errorf("a schema of its own: the log says %q", log)
	}
	for privilege, warned := range map[string]bool{
		`UPDATE ON tenants`: true, `DELETE ON tenants_changes`: true, `UPDATE ON tenants_names`: true, `INSERT ON tenants_lock`: true,
		`REFERENCES ON tenants`: false, `SELECT ON tenants_schema`: false, `SELECT ON tenants_names`: false,
	} {
		exec(t, admin, `REVOKE ALL ON tenants, tenants_names, tenants_changes, tenants_lock, tenants_schema FROM `+anon+`; GRANT `+privilege+` TO `+anon)
		if log := warnings(); strings.Contains(log, anon) != warned {
			t.Errorf("%s: the log says %q", privilege, log)
		}
	}
	exec(t, admin, `REVOKE ALL ON tenants, tenants_names, tenants_changes, tenants_lock, tenants_schema FROM `+anon+`; GRANT SELECT ON tenants TO PUBLIC`)
	if log := warnings(); !strings.Contains(log, "roles=PUBLIC") {
		t.Errorf("PUBLIC: the log says %q", log)
	}
	exec(t, admin, `REVOKE ALL ON tenants FROM PUBLIC`)
	if log := warnings(); log != "" {
		t.Errorf("revoked: the log says %q", log)
	}
}

// A privilege that is missing stays so until somebody grants it: an operator hears of it
// at once, and once. Callers get what they get in an outage.
func TestDenialIsLoggedOnce(t *testing.T) {
	dsn := newDatabase(t)
	acme := create(t, open(t, dsn), "acme")
	role, roleDSN := newRole(t, dsn)
	admin := connect(t, dsn)
	var log syncWriter
	store := open(t, roleDSN, bunpg.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	for episode := 1; episode <= 2; episode++ {
		exec(t, admin, `REVOKE UPDATE ON tenants FROM `+role)
		for range 3 {
			_, err := store.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended)
			if !errors.Is(err, tenancy.ErrUnavailable) || !errors.Is(err, tenancy.ErrNotApplied) || !strings.Contains(err.Error(), "42501") {
				t.Errorf("SetStatus: %v", err)
			}
			if _, err := store.UpdateMetadata(t.Context(), acme.ID, metadata(t, `{"a":1}`)); !errors.Is(err, tenancy.ErrUnavailable) {
				t.Errorf("UpdateMetadata: %v", err)
			}
			if _, err := store.GetByID(t.Context(), acme.ID); err != nil {
				t.Error(err)
			}
		}
		exec(t, admin, `GRANT UPDATE ON tenants TO `+role)
		if _, err := store.SetStatus(t.Context(), acme.ID, tenancy.StatusActive); err != nil {
			t.Fatal(err)
		}
		if got := log.String(); strings.Count(got, "level=ERROR") != episode ||
			strings.Count(got, "permission denied") != episode || strings.Count(got, "grants what it has denied") != episode {
			t.Errorf("after %d episodes, the log says\n%s", episode, got)
		}
	}
}

// A role that may not make triggers anew says what is missing, and does not claim to
// have made it.
func TestMissingTriggerIsTheCause(t *testing.T) {
	dsn := newDatabase(t)
	open(t, dsn)
	_, roleDSN := newRole(t, dsn)
	exec(t, connect(t, dsn), `DROP TRIGGER zzz_tenants_record ON tenants`)
	var log syncWriter
	_, err := bunpg.Open(t.Context(), roleDSN, bunpg.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	if !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "triggers of the change log are missing") ||
		!strings.Contains(err.Error(), "42501") || strings.Contains(log.String(), "anew") {
		t.Errorf("%v; the log says %q", err, log.String())
	}
}

// Something else stands in the place of the table.
func TestViewInPlaceOfTheTable(t *testing.T) {
	dsn := newDatabase(t)
	open(t, dsn, bunpg.WithStore(bunstore.WithSchema("real")))
	exec(t, connect(t, dsn), `CREATE VIEW tenants AS SELECT * FROM real.tenants WHERE status = 'none';
		CREATE VIEW tenants_changes AS SELECT * FROM real.tenants_changes; CREATE VIEW tenants_lock AS SELECT * FROM real.tenants_lock;
		CREATE VIEW tenants_schema AS SELECT * FROM real.tenants_schema`)
	_, err := bunpg.Open(t.Context(), dsn)
	if !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "view") {
		t.Errorf("%v", err)
	}
}
