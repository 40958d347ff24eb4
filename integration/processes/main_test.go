//go:build unix

package processes

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunmysql"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// TestMain makes the binary a writer if a test started it as one.
func TestMain(m *testing.M) {
	if j, ok := jobFromEnv(); ok {
		os.Exit(j.run())
	}
	os.Exit(m.Run())
}

// open opens the store at where: a PostgreSQL DSN or the path of an SQLite file.
func open(ctx context.Context, where string) (tenancy.Source, error) {
	switch scheme, _, _ := strings.Cut(where, "://"); scheme {
	case "postgres":
		return bunpg.Open(ctx, where)
	case "mysql":
		return bunmysql.Open(ctx, where)
	}
	return bunsqlite.Open(ctx, where)
}

// openFor opens a store that is closed when t ends.
func openFor(t *testing.T, where string) tenancy.Source {
	t.Helper()
	s, err := open(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
