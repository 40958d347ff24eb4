package bunstore_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// fill makes n changes.
func fill(tb testing.TB, s *bunstore.Store, n int) {
	tb.Helper()
	batch := make([]tenancy.Tenant, n)
	for i := range batch {
		batch[i] = tenancy.Tenant{Identifier: fmt.Sprintf("tenant-%06d", i), Name: "Name"}
	}
	results, err := s.CreateBatch(tb.Context(), batch)
	if err != nil {
		tb.Fatal(err)
	}
	for _, r := range results {
		if r.Err != nil {
			tb.Fatal(r.Err)
		}
	}
}

func extent(tb testing.TB, s *bunstore.Store) (oldest, newest tenancy.Revision) {
	tb.Helper()
	h, err := s.Bounds(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return h.Oldest.Revision, h.Newest.Revision
}

func TestTrimByCount(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		s := newStore(t, db, bunstore.WithRetention(100, 0))
		fill(t, s, 4999) // several chunks
		if n, err := s.Trim(t.Context()); n != 4900 || err != nil {
			t.Errorf("trimmed %d, %v", n, err)
		}
		if oldest, newest := extent(t, s); oldest != 4901 || newest != 5000 {
			t.Errorf("the log holds %d to %d", oldest, newest)
		}
		if n, err := s.Trim(t.Context()); n != 0 || err != nil {
			t.Errorf("trimmed again: %d, %v", n, err)
		}
	})
}

func TestTrimByAgeInPostgres(t *testing.T) {
	db := postgresDB(t, newPostgres(t))
	s := newStore(t, db, bunstore.WithRetention(0, time.Hour))
	fill(t, s, 9)
	for _, c := range []struct {
		old  string // rows, of those of revision 1 to 10
		want int64
	}{
		{"revision IN (2, 5)", 0}, // behind some that are not: a clock was wrong
		{"revision <= 6", 6},
		{"TRUE", 3}, // all but the newest
	} {
		exec(t, db, "UPDATE tenants_changes SET at = now() - interval '2 hours' WHERE "+c.old)
		if n, err := s.Trim(t.Context()); n != c.want || err != nil {
			t.Errorf("%s: trimmed %d, %v", c.old, n, err)
		}
	}
	if oldest, newest := extent(t, s); oldest != 10 || newest != 10 {
		t.Errorf("the log holds %d to %d", oldest, newest)
	}
	if created, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil || created.Revision != 11 {
		t.Errorf("the next revision is %d, %v", created.Revision, err)
	}
}

// In SQLite, a row is old when the log has gone on for that long since.
func TestTrimByAgeInSQLite(t *testing.T) {
	for name, c := range map[string]struct {
		rows int
		at   string // in seconds
		want int64
	}{
		"much in an hour":        {300, "revision * 30", 301 - 120},
		"little in an hour":      {300, "revision * 3600", 301 - 100}, // a step counts as 36 s at most
		"no time":                {300, "0", 0},
		"few":                    {99, "revision * 86400", 0},
		"one is ahead":           {300, "revision * 30 + 31536000 * (revision = 250)", 249 - 119},
		"the last is ahead":      {300, "revision * 30 + 31536000 * (revision = 301)", 301 - 120},
		"one is behind":          {300, "revision * 30 - 31536000 * (revision = 250)", 301 - 120},
		"the last is behind":     {300, "revision * 30 - 31536000 * (revision = 301)", 301 - 121},
		"every other is ahead":   {300, "revision * 1 + 31536000 * (revision % 2)", 0},
		"every other is behind":  {300, "revision * 1 - 31536000 * (revision % 2)", 0},
		"one is out of bounds":   {300, "revision * 30 + 9000000000000 * (revision = 250)", 249 - 119},
		"more than is looked at": {4999, "revision", 5000 - 3600},
	} {
		t.Run(name, func(t *testing.T) {
			db := sqliteDB(t, filepath.Join(t.TempDir(), "tenants.db"))
			s := newStore(t, db, bunstore.WithRetention(0, time.Hour))
			fill(t, s, c.rows)
			exec(t, db, "UPDATE tenants_changes SET at = 1000000 * ("+c.at+")")
			if n, err := s.Trim(t.Context()); n > c.want || n < c.want-10 || err != nil {
				t.Errorf("trimmed %d, %v, want %d, or some less", n, err, c.want)
			}
			if n, err := s.Trim(t.Context()); n > 10 || err != nil {
				t.Errorf("trimmed again: %d, %v", n, err)
			}
		})
	}
}

func TestTrimUnbounded(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		s := newStore(t, db, bunstore.WithRetention(0, 0))
		fill(t, s, 9)
		if n, err := s.Trim(t.Context()); n != 0 || err != nil {
			t.Errorf("trimmed %d, %v", n, err)
		}
	})
}

func TestCompactKeepsTheNewest(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		s := newStore(t, db)
		fill(t, s, 9)
		if n, err := s.Compact(t.Context(), 4); n != 3 || err != nil {
			t.Errorf("compacted %d, %v", n, err)
		}
		if n, err := s.Compact(t.Context(), 1000); n != 6 || err != nil {
			t.Errorf("compacted %d, %v", n, err)
		}
		if oldest, newest := extent(t, s); oldest != 10 || newest != 10 {
			t.Errorf("the log holds %d to %d", oldest, newest)
		}
		if _, err := s.Changes(t.Context(), tenancy.Position{}, 0); !errors.Is(err, tenancy.ErrCompacted) {
			t.Errorf("Changes from the beginning: %v", err)
		}
	})
}

// The database itself refuses to lose the newest revision.
func TestNewestRowCannotBeDeleted(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		s := newStore(t, db)
		fill(t, s, 3)
		if _, err := db.ExecContext(t.Context(), "DELETE FROM tenants_changes"); err == nil {
			t.Error("DELETE FROM tenants_changes succeeded")
		}
		if oldest, newest := extent(t, s); oldest != 1 || newest != 4 {
			t.Errorf("the log holds %d to %d", oldest, newest)
		}
	})
}
