package bunstore_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// A write to SQLite that fails has changed nothing and says so, so that caches stay in
// service and callers may repeat it.
func TestFailedSQLiteWriteIsNotApplied(t *testing.T) {
	for name, c := range map[string]struct{ spoil, mend, text string }{
		"disk full": {"PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000", "disk is full"}, // not fewer than there are
		"read-only": {"PRAGMA query_only = ON", "PRAGMA query_only = OFF", "read-only"},
		"locked":    {"", "", "locked"},
		"trigger":   {"DROP TRIGGER tenants_record_delete", "", "trigger tenants_record_delete"},
		"deadline":  {"", "", "deadline"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tenants.db")
			db := sqliteDB(t, path)
			db.SetMaxOpenConns(1)
			patience := 10 * time.Millisecond
			if name == "deadline" {
				patience = time.Hour
			}
			s := newStore(t, db, bunstore.WithRetryTimeout(patience))
			kept, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "kept", Name: "Kept"})
			if err != nil {
				t.Fatal(err)
			}
			ctx := func() context.Context { return t.Context() }
			switch name {
			case "deadline":
				ctx = func() context.Context {
					ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
					t.Cleanup(cancel)
					return ctx
				}
				fallthrough
			case "locked":
				other := sqliteDB(t, path)
				tx, err := other.BeginTx(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = tx.Rollback() }()
				if _, err := tx.ExecContext(t.Context(), "UPDATE tenants SET name_folded = name_folded"); err != nil {
					t.Fatal(err)
				}
			default:
				exec(t, db, c.spoil)
			}
			large, err := tenancy.NewMetadata(map[string]string{"x": strings.Repeat("x", 200_000)})
			if err != nil {
				t.Fatal(err)
			}
			kept.Metadata = large
			for op, write := range map[string]func() error{
				"Create": func() error {
					_, err := s.Create(ctx(), tenancy.Tenant{Identifier: "new", Name: "New", Metadata: large})
					return err
				},
				"CreateBatch": func() error {
					_, err := s.CreateBatch(ctx(), []tenancy.Tenant{{Identifier: "new", Name: "New", Metadata: large}, {Identifier: "newer", Name: "Newer"}})
					return err
				},
				"Update":         func() error { _, err := s.Update(ctx(), kept); return err },
				"UpdateMetadata": func() error { _, err := s.UpdateMetadata(ctx(), kept.ID, large); return err },
			} {
				err := write()
				outage := errors.Is(err, tenancy.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
				if !outage || !errors.Is(err, tenancy.ErrNotApplied) || !strings.Contains(err.Error(), c.text) {
					t.Errorf("%s: %v, want ErrNotApplied, and %q", op, err, c.text)
				}
			}
			if name == "locked" || name == "deadline" {
				return
			}
			if c.mend != "" {
				exec(t, db, c.mend)
			}
			if n, err := s.Count(t.Context(), tenancy.Filter{}); n != 1 || err != nil {
				t.Errorf("there are %d tenants, %v", n, err)
			}
			if c.mend != "" {
				for i := range 3 {
					if _, err := s.Create(t.Context(), tenancy.Tenant{Identifier: fmt.Sprintf("after-%d", i), Name: "After", Metadata: large}); err != nil {
						t.Errorf("after it was mended: %v", err)
					}
				}
			}
		})
	}
}
