package bunstore_test

import (
	"errors"
	"fmt"
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
	h, err := s.Head(tb.Context())
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

func TestTrimByAge(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		s := newStore(t, db, bunstore.WithRetention(0, time.Hour))
		fill(t, s, 9)
		old := "now() - interval '2 hours'"
		if db.Dialect().Name().String() == "sqlite" {
			old = fmt.Sprint(time.Now().Add(-2 * time.Hour).UnixMicro())
		}
		if _, err := db.ExecContext(t.Context(), "UPDATE tenants_changes SET at = "+old+" WHERE revision <= 6"); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Trim(t.Context()); n != 6 || err != nil {
			t.Errorf("trimmed %d, %v", n, err)
		}
		if _, err := db.ExecContext(t.Context(), "UPDATE tenants_changes SET at = "+old); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Trim(t.Context()); n != 3 || err != nil {
			t.Errorf("trimmed %d, %v: all but the newest are old", n, err)
		}
		if oldest, newest := extent(t, s); oldest != 10 || newest != 10 {
			t.Errorf("the log holds %d to %d", oldest, newest)
		}
		if created, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil || created.Revision != 11 {
			t.Errorf("the next revision is %d, %v", created.Revision, err)
		}
	})
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
