package bunstore_test

import (
	"context"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// newPostgres creates a database for the test and returns its DSN, or "" in a
// benchmark without a server.
func newPostgres(tb testing.TB) string {
	tb.Helper()
	dsn := os.Getenv("TENANTSTORE_POSTGRES")
	if dsn == "" {
		if os.Getenv("CI") != "" || os.Getenv("TENANTSTORE_REQUIRE_SERVERS") != "" {
			tb.Fatal("TENANTSTORE_POSTGRES is not set; run the tests by `make test`")
		}
		if _, ok := tb.(*testing.B); ok {
			return ""
		}
		tb.Skip("needs a PostgreSQL server: run the tests by `make test`, or set TENANTSTORE_POSTGRES")
	}
	name := "test_" + strings.ReplaceAll(tenancy.NewID(), "-", "")
	admin(tb, dsn, "CREATE DATABASE "+name)
	tb.Cleanup(func() { admin(tb, dsn, "DROP DATABASE "+name+" WITH (FORCE)") })
	if !strings.Contains(dsn, "://") {
		return dsn + " dbname=" + name
	}
	u, err := url.Parse(dsn)
	if err != nil {
		tb.Fatal("TENANTSTORE_POSTGRES is not a valid URL")
	}
	u.Path = "/" + name
	return u.String()
}

// admin runs a statement on a connection of its own.
func admin(tb testing.TB, dsn, text string) {
	tb.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		tb.Fatalf("connecting to the server of TENANTSTORE_POSTGRES: %v", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, text); err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
}
