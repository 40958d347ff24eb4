package bunstore_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// What a role or database limits for ordinary statements must not keep a store from
// ever being opened: neither while it builds an index nor while it waits for another
// process that does.
func TestMigrateUnderLimits(t *testing.T) {
	dsn := newPostgres(t)
	watcher := postgresDB(t, dsn) // its sessions begin before there are limits
	watcher.SetMaxOpenConns(1)
	s := newStore(t, watcher)
	var name string
	if err := watcher.QueryRowContext(t.Context(), "SELECT current_database()").Scan(&name); err != nil {
		t.Fatal(err)
	}
	release := blocker(t, dsn, s.MigrationLockText())
	for _, text := range []string{
		"INSERT INTO tenants (identifier, name) SELECT 't-' || n, 'Tenant ' || n FROM generate_series(1, 2000) n",
		// A busy machine may take its time until the limits are lifted.
		"ALTER DATABASE " + name + " SET statement_timeout = '1s'",
		"ALTER DATABASE " + name + " SET lock_timeout = '1s'",
		"ALTER DATABASE " + name + " SET idle_in_transaction_session_timeout = '10min'",
		"CREATE TABLE limits (statement text, idle text)",
		`CREATE FUNCTION note_limits() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
			INSERT INTO limits VALUES (current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout'));
		END $$`,
		"CREATE EVENT TRIGGER note_limits ON ddl_command_start EXECUTE FUNCTION note_limits()",
	} {
		if _, err := watcher.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	limited := unmigrated(t, postgresDB(t, dsn), bunstore.WithSearchIndex())
	migrated := make(chan error, 1)
	go func() { migrated <- limited.Migrate(t.Context()) }()
	for waits := false; !waits; {
		if err := watcher.QueryRowContext(t.Context(), `SELECT count(*) > 0 FROM pg_locks
			WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND locktype = 'advisory' AND NOT granted AND waitstart < clock_timestamp() - interval '1500 ms'`).Scan(&waits); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-migrated:
			t.Fatalf("did not wait for the other migration: %v", err)
		default:
		}
	}
	release()
	if err := <-migrated; err != nil {
		t.Fatal(err)
	}
	var usable bool
	if err := watcher.QueryRowContext(t.Context(), "SELECT indisvalid FROM pg_index WHERE indexrelid = 'tenants_search_idx'::regclass").Scan(&usable); err != nil || !usable {
		t.Errorf("the index is usable: %t, %v", usable, err)
	}
	var all, lifted int
	if err := watcher.QueryRowContext(t.Context(), "SELECT count(*), count(*) FILTER (WHERE statement = '0' AND idle = '1min') FROM limits").Scan(&all, &lifted); err != nil || all == 0 || lifted < all {
		t.Errorf("%d of %d statements that change the schema are without the database's limits, %v", lifted, all, err)
	}

	set := func(text string) {
		t.Helper()
		if _, err := watcher.ExecContext(t.Context(), "ALTER DATABASE "+name+" "+text); err != nil {
			t.Fatal(err)
		}
	}
	set("RESET ALL") // the blocker must not be subject to it
	release = blocker(t, dsn, "SELECT id FROM tenants_lock FOR UPDATE")
	set("SET statement_timeout = '20ms'")
	ordinary := unmigrated(t, postgresDB(t, dsn), bunstore.WithSessionDefaults())
	defer release()
	_, err := ordinary.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if !errors.Is(err, tenancy.ErrUnavailable) || !errors.Is(err, tenancy.ErrNotApplied) || !strings.Contains(err.Error(), "statement_timeout") {
		t.Errorf("an ordinary write: %v, want one that names the setting and was not applied", err)
	}
}

// The clock of a process does not decide how old the rows of the log are: the clock
// of the bubble stands in the year 2000.
func TestTrimByTheClockOfTheDatabase(t *testing.T) {
	dsn := newPostgres(t)
	s := newStore(t, postgresDB(t, dsn))
	fill(t, s, 9)
	synctest.Test(t, func(t *testing.T) {
		db := postgresDB(t, dsn)
		early := unmigrated(t, db, bunstore.WithRetention(0, time.Hour))
		if _, err := db.ExecContext(t.Context(), "UPDATE tenants_changes SET at = now() - interval '2 hours' WHERE revision <= 6"); err != nil {
			t.Fatal(err)
		}
		if n, err := early.Trim(t.Context()); n != 6 || err != nil {
			t.Errorf("trimmed %d, %v; want 6", n, err)
		}
		updated, err := early.SetStatus(t.Context(), one(t, early).ID, tenancy.StatusSuspended)
		if err != nil || updated.UpdatedAt.Year() < 2020 {
			t.Errorf("updated at %v, %v; want the time of the database", updated.UpdatedAt, err)
		}
	})
}

func one(t *testing.T, s *bunstore.Store) tenancy.Tenant {
	t.Helper()
	page, err := s.List(t.Context(), tenancy.ListOptions{Limit: 1})
	if err != nil || len(page.Tenants) != 1 {
		t.Fatalf("%d tenants, %v", len(page.Tenants), err)
	}
	return page.Tenants[0]
}
