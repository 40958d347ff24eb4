package bunstore_test

import (
	"database/sql"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// skewed writes 500 tenants, of which some have names, and one has many, has the database
// take its statistics, and returns the texts of the lookups by one name.
func skewed(t *testing.T, db *bun.DB) []string {
	t.Helper()
	var seen recorder
	s := newStore(t, db, bunstore.WithQueryHook(&seen))
	numbered(t, db, 500)
	verified := "now()"
	if db.Dialect().Name() == dialect.SQLite {
		verified = "1"
	}
	of := func(n int) string {
		return fmt.Sprintf(" FROM (SELECT * FROM tenants ORDER BY identifier LIMIT %d) AS t", n)
	}
	for _, text := range []string{
		"INSERT INTO tenants_names (tenant_id, value, verified_at) SELECT id, identifier || '.test', " + verified + of(250),
		"INSERT INTO tenants_names (tenant_id, kind, value) SELECT id, 'former', 'was-' || identifier" + of(250),
		"INSERT INTO tenants_names (tenant_id, value) SELECT (SELECT min(id) FROM tenants), identifier || '.claimed.test'" + of(100),
		"INSERT INTO tenants_names (tenant_id, value, verified_at) SELECT (SELECT min(id) FROM tenants), identifier || '.many.test', " + verified + of(100),
		"ANALYZE",
	} {
		execNow(t, db, text)
	}
	_, err1 := s.GetByDomain(t.Context(), "t-00000007.test")
	_, err2 := s.FormerOwner(t.Context(), "was-t-00000007")
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	for kind, value := range map[tenancy.KeyKind]string{tenancy.KindDomain: "t-00000007.test", tenancy.KindFormer: "was-t-00000007"} {
		loaded, err := s.Load(t.Context(), []tenancy.Lookup{{Key: tenancy.Key{Kind: kind, Value: value}}})
		if err != nil || !loaded[0].Found {
			t.Fatal(loaded, err)
		}
	}
	seen.mu.Lock()
	defer seen.mu.Unlock()
	texts := slices.DeleteFunc(slices.Collect(maps.Keys(seen.texts)), func(text string) bool {
		return !strings.HasPrefix(text, "SELECT") || !strings.Contains(text, "n.value = ")
	})
	if len(texts) != 4 {
		t.Fatalf("%d lookups, want 4:\n%s", len(texts), strings.Join(texts, "\n"))
	}
	return texts
}

// Whatever the statistics say, a lookup by a name looks into an index of names, and into that
// of tenants.
func TestLookupsByNameUseIndexes(t *testing.T) {
	eachIndexed(t, func(t *testing.T, db *bun.DB) {
		texts := skewed(t, db)
		explain, first := "EXPLAIN ", 0
		if db.Dialect().Name() == dialect.SQLite {
			explain, first = "EXPLAIN QUERY PLAN ", 3
		}
		for _, text := range texts {
			rows, err := db.DB.QueryContext(t.Context(), explain+text, "t-00000007.test")
			if err != nil {
				t.Fatal(err)
			}
			var plan strings.Builder
			for rows.Next() {
				line := make([]any, first+1)
				for i := range line {
					line[i] = new(string)
				}
				if err := rows.Scan(line...); err != nil {
					t.Fatal(err)
				}
				plan.WriteString(*line[first].(*string) + "\n")
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
			for _, index := range []string{"tenants_names_(domain|former)_key", "tenants_pkey|sqlite_autoindex_tenants_1"} {
				if !regexp.MustCompile(index).MatchString(plan.String()) {
					t.Errorf("%s\nuses no %s:\n%s", text, index, &plan)
				}
			}
		}
	})
}

// What a write costs does not depend on how many tenants and names there are: no trigger reads
// all of them.
func TestTriggersDoNotScan(t *testing.T) {
	db := sqliteDB(t, filepath.Join(t.TempDir(), "tenants.db"))
	skewed(t, db)
	each := func(text string, scan func(rows *sql.Rows) error) {
		rows, err := db.DB.QueryContext(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			if err := scan(rows); err != nil {
				t.Fatal(err)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	objects := map[int]string{} // by the first page
	each("SELECT rootpage, name FROM sqlite_master", func(rows *sql.Rows) error {
		var page int
		var name string
		err := rows.Scan(&page, &name)
		objects[page] = name
		return err
	})
	const name = " WHERE tenant_id = 'a' AND kind = 'domain' AND value = 'a.test'"
	for _, text := range []string{
		"INSERT INTO tenants_names (tenant_id, value, verified_at) VALUES ('a', 'a.test', 1)",
		"UPDATE tenants_names SET verified_at = 1" + name,
		"UPDATE tenants_names SET tenant_id = 'b'" + name,
		"DELETE FROM tenants_names" + name,
		"INSERT INTO tenants (identifier, name) VALUES ('acme', 'Acme')",
		"UPDATE tenants SET status = 'suspended' WHERE id = 'a'",
		"UPDATE tenants SET identifier = 'acme' WHERE id = 'a'",
		"UPDATE tenants SET id = 'b' WHERE id = 'a'",
		"DELETE FROM tenants WHERE id = 'a'",
	} {
		cursors := map[int]string{} // of the statement, and then of each trigger
		each("EXPLAIN "+text, func(rows *sql.Rows) error {
			var address, p1, p2, p3 int
			var code string
			var rest [3]sql.NullString
			err := rows.Scan(&address, &code, &p1, &p2, &p3, &rest[0], &rest[1], &rest[2])
			switch code {
			case "OpenRead", "OpenWrite":
				cursors[p1] = objects[p2]
			case "OpenEphemeral", "OpenPseudo", "SorterOpen":
				delete(cursors, p1)
			case "Rewind":
				if name := cursors[p1]; name == "tenants" || strings.HasPrefix(name, "tenants_names") {
					t.Errorf("%s: a scan of %s", text, name)
				}
			}
			return err
		})
	}
}

// With the samples that ANALYZE takes, SQLite plans some statements anew for each value that
// is bound, which takes longer than to run them.
func TestLookupsByNameArePlannedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.db")
	texts := skewed(t, sqliteDB(t, path))
	tls := libc.NewTLS()
	text := func(s string) uintptr {
		p, err := libc.CString(s)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	out := new(struct{ db, stmt uintptr })
	t.Cleanup(func() { // which keeps out in the heap: a stack would move beneath the calls
		sqlite3.Xsqlite3_close_v2(tls, out.db)
		tls.Close()
	})
	if rc := sqlite3.Xsqlite3_open_v2(tls, text(path), uintptr(unsafe.Pointer(&out.db)), sqlite3.SQLITE_OPEN_READONLY, 0); rc != sqlite3.SQLITE_OK {
		t.Fatalf("sqlite3_open_v2: %d", rc)
	}
	for _, lookup := range texts {
		if rc := sqlite3.Xsqlite3_prepare_v2(tls, out.db, text(lookup), -1, uintptr(unsafe.Pointer(&out.stmt)), 0); rc != sqlite3.SQLITE_OK {
			t.Fatalf("sqlite3_prepare_v2: %d", rc)
		}
		for i := range 8 {
			sqlite3.Xsqlite3_bind_text(tls, out.stmt, 1, text(fmt.Sprintf("t-%08d.test", i+1)), -1, sqlite3.SQLITE_STATIC)
			for sqlite3.Xsqlite3_step(tls, out.stmt) == sqlite3.SQLITE_ROW {
			}
			sqlite3.Xsqlite3_reset(tls, out.stmt)
		}
		if n := sqlite3.Xsqlite3_stmt_status(tls, out.stmt, sqlite3.SQLITE_STMTSTATUS_REPREPARE, 0); n > 0 {
			t.Errorf("planned anew %d times for 8 values: %s", n, lookup)
		}
		sqlite3.Xsqlite3_finalize(tls, out.stmt)
	}
}
