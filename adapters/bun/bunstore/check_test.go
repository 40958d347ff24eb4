package bunstore_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"
	bundialect "github.com/uptrace/bun/dialect"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// syncBuffer is a log that is read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// waitFor fails the test if log does not come to hold text.
func waitFor(t *testing.T, log *syncBuffer, text string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !strings.Contains(log.String(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the log lacks %q: %q", text, log.String())
		}
	}
}

// execNow runs a statement by hand, again as long as somebody else keeps SQLite from it.
func execNow(t testing.TB, db *bun.DB, text string) {
	t.Helper()
	for {
		_, err := db.ExecContext(t.Context(), text)
		if err == nil {
			return
		}
		if !strings.Contains(err.Error(), "locked") {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

// A process that only follows the log sees that triggers are not as they should be,
// says so once, and again when somebody has run Migrate.
func TestFollowerSeesLostTriggers(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		spoils := map[string]string{"trigger tenants_record_update": "DROP TRIGGER tenants_record_update"}
		if db.Dialect().Name() == bundialect.MySQL {
			spoils = map[string]string{
				"trigger tenants_stamp_update": "DROP TRIGGER tenants_stamp_update",
				"trigger tenants_log_delete":   "DROP TRIGGER tenants_log_delete; CREATE TRIGGER tenants_log_delete AFTER DELETE ON tenants FOR EACH ROW BEGIN END",
				"trigger tenants_keep_newest":  "DROP TRIGGER tenants_keep_newest",
				"table tenants_guard":          "DROP TABLE tenants_guard",
				"the row of tenants_head":      "DELETE FROM tenants_head",
				"the row of tenants_changes":   "UPDATE tenants_head SET revision = revision + 1; DELETE FROM tenants_changes",
			}
		}
		if db.Dialect().Name() == bundialect.PG {
			spoils = map[string]string{
				"trigger zzz_tenants_record of tenants does not fire for replication": "ALTER TABLE tenants DISABLE TRIGGER ALL; ALTER TABLE tenants ENABLE TRIGGER ALL",
				"trigger zzz_tenants_log_update of tenants is disabled":               "ALTER TABLE tenants DISABLE TRIGGER zzz_tenants_log_update",
				"fires for replication only":                                          "ALTER TABLE tenants ENABLE REPLICA TRIGGER zzz_tenants_record",
				"there are 15 of 16 triggers":                                         "DROP TRIGGER zzz_tenants_record ON tenants",
				"function tenants_take_lock is missing or changed":                    "CREATE OR REPLACE FUNCTION tenants_take_lock() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
				"tenants_lock\\\" has no row":                                         "DELETE FROM tenants_lock",
			}
		}
		owner := newStore(t, db)
		for want, spoil := range spoils {
			for how, follow := range map[string]func(context.Context, *bunstore.Store, tenancy.Position){
				"Watch": func(ctx context.Context, s *bunstore.Store, at tenancy.Position) {
					for range tenancy.Watch(ctx, s, at) {
					}
				},
				"Changes": func(ctx context.Context, s *bunstore.Store, at tenancy.Position) {
					_, _ = s.Changes(ctx, at, 0) // perhaps it is over already
				},
			} {
				var log syncBuffer
				s, err := bunstore.New(db, bunstore.WithLogger(slog.New(slog.NewTextHandler(&log, nil))), bunstore.WithUpkeep(5*time.Millisecond, 1))
				if err != nil {
					t.Fatal(err)
				}
				head, err := s.Bounds(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				var group sync.WaitGroup
				group.Go(func() { follow(ctx, s, head.Newest) })
				execNow(t, db, spoil)
				waitFor(t, &log, want)
				if err := owner.Migrate(t.Context()); err != nil {
					t.Fatal(err)
				}
				waitFor(t, &log, "finding=triggers")
				cancel()
				group.Wait()
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				if got := log.String(); strings.Count(got, "WARN") != 1 || !strings.Contains(got, "run Migrate as the owner") || !strings.Contains(got, "tenants") {
					t.Errorf("%s, %s: the log says %q, want one warning", how, want, got)
				}
			}
		}
	})
}

// A typo in a statement by hand keeps a customer down, and somebody hears of it.
func TestUnknownStatusIsFound(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		var log syncBuffer
		s := newStore(t, db, bunstore.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		for i := range 14 {
			if _, err := s.Create(t.Context(), tenancy.Tenant{Identifier: fmt.Sprintf("t-%02d", i), Name: "T", Status: tenancy.Statuses()[i%4]}); err != nil {
				t.Fatal(err)
			}
		}
		check := func() []bunstore.Finding {
			t.Helper()
			found, err := s.Check(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s.LogFindings(t.Context())
			return found
		}
		if found := check(); len(found) != 0 || log.String() != "" {
			t.Errorf("at first: %v, the log says %q", found, log.String())
		}
		long := strings.Repeat("ü", 100)
		for _, c := range []struct{ set, text, details string }{
			{"status = 'paused' WHERE identifier < 't-03'", "(3)", `"paused"`},
			{"status = 'paused' WHERE identifier < 't-04'", "(4)", `"paused"`},
			{"status = '' WHERE identifier = 't-04'", "(5)", `"" "paused"`},
			{"status = 'A\nB' WHERE identifier = 't-04'", "(5)", `"A\nB" "paused"`},
			{"status = '" + long + "' WHERE identifier = 't-04'", "(5)", `"paused" "` + long[:80] + `…"`},
			{"status = 'x' || identifier", "(more than 10)", `"xt-00" "xt-01" "xt-02" "xt-03" "xt-04" "xt-05" "xt-06" "xt-07" "xt-08" "xt-09"`},
		} {
			execNow(t, db, "UPDATE tenants SET "+c.set)
			found := check()
			if len(found) != 1 || found[0].Kind != bunstore.FindingStatuses || !strings.Contains(found[0].Text, c.text) || strings.Join(found[0].Details, " ") != c.details {
				t.Errorf("%s: found %q", c.set, found)
			}
		}
		if n := strings.Count(log.String(), "WARN"); n != 5 {
			t.Errorf("%d warnings, want one for each set of statuses: %s", n, log.String())
		}
		execNow(t, db, "UPDATE tenants SET status = 'active'")
		if found := check(); len(found) != 0 || !strings.Contains(log.String(), "finding=statuses") {
			t.Errorf("at last: %v, the log says %q", found, log.String())
		}
	})
}

// A database that cannot be checked is said so once.
func TestCheckThatFails(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		var log syncBuffer
		s := unmigrated(t, db, bunstore.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		for range 3 {
			s.LogFindings(t.Context())
		}
		if _, err := s.Check(t.Context()); err == nil || strings.Count(log.String(), "could not be checked") != 1 {
			t.Errorf("%v; the log says %q", err, log.String())
		}
	})
}
