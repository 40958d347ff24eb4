package bunstore_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"
	bundialect "github.com/uptrace/bun/dialect"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestOptionsAreChecked(t *testing.T) {
	for _, c := range []struct {
		option bunstore.Option
		field  string
	}{
		{bunstore.WithTable(""), "table"},
		{bunstore.WithTable(`t"; DROP TABLE users --`), "table"},
		{bunstore.WithTable("app.tenants"), "table"},
		{bunstore.WithTable("Tenants"), "table"},
		{bunstore.WithTable("1tenants"), "table"},
		{bunstore.WithTable("ténants"), "table"},
		{bunstore.WithTable(strings.Repeat("a", 41)), "table"},
		{bunstore.WithTable("sqlite_tenants"), "table"},
		{bunstore.WithTable("tenants_lock"), "table"},
		{bunstore.WithTable("tenants_search_fts_data"), "table"},
		{bunstore.WithSchema(""), "schema"},
		{bunstore.WithSchema("pg_tenants"), "schema"},
		{bunstore.WithSchema("a b"), "schema"},
		{bunstore.WithSchema(strings.Repeat("a", 64)), "schema"},
		{bunstore.WithPollInterval(0), "poll_interval"},
		{bunstore.WithLockTimeout(-time.Second), "lock_timeout"},
		{bunstore.WithRetryTimeout(0), "retry_timeout"},
	} {
		_, err := bunstore.DDL(bundialect.SQLite, c.option)
		var typed *tenancy.Error
		if !errors.As(err, &typed) || typed.Field != c.field || !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("%s: err = %v, want ErrInvalid of that field", c.field, err)
		}
	}
	if _, err := bunstore.DDL(bundialect.MSSQL); !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("SQL Server: err = %v", err)
	}
}

// No store may have the name of something that another store keeps.
func TestNamesOfOneStoreAreNotThoseOfAnother(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		opts := []bunstore.Option{bunstore.WithTable("x")}
		if db.Dialect().Name() != bundialect.MySQL {
			opts = append(opts, bunstore.WithSearchIndex())
		}
		newStore(t, db, opts...)
		text := "SELECT name FROM sqlite_master WHERE type IN ('table', 'index') AND name NOT LIKE 'sqlite%' AND name <> 'x'"
		if db.Dialect().Name() == bundialect.MySQL {
			text = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME <> 'x'"
		}
		if db.Dialect().Name() == bundialect.PG {
			text = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname <> 'x'"
		}
		var names []string
		if err := db.NewRaw(text).Scan(t.Context(), &names); err != nil || len(names) < 4 {
			t.Fatalf("%q, %v", names, err)
		}
		for _, name := range names {
			if _, err := bunstore.DDL(db.Dialect().Name(), bunstore.WithTable(name)); !errors.Is(err, tenancy.ErrInvalid) {
				t.Errorf("%s: err = %v, want ErrInvalid", name, err)
			}
		}
	})
}

func TestDDLHoldsTheNames(t *testing.T) {
	long := strings.Repeat("t", 40)
	text, err := bunstore.DDL(bundialect.PG, bunstore.WithSchema(strings.Repeat("s", 63)), bunstore.WithTable(long))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(text, `"`) {
		if strings.HasPrefix(part, long) && len(part) > 63 {
			t.Errorf("%s is longer than PostgreSQL's 63 bytes", part)
		}
	}
	if strings.Contains(text, "{{") || strings.Contains(text, "<no value>") {
		t.Error("a placeholder is left")
	}
}
