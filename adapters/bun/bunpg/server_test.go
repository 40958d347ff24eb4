package bunpg_test

import (
	"context"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// newDatabase creates a database for the test and returns its connection string.
func newDatabase(t testing.TB) string {
	t.Helper()
	dsn := os.Getenv("TENANTSTORE_POSTGRES")
	if dsn == "" {
		needServers(t, "needs a PostgreSQL server: run the tests by `make test`, or set TENANTSTORE_POSTGRES")
	}
	name := "test_" + strings.ReplaceAll(tenancy.NewID(), "-", "")
	admin := connect(t, dsn)
	exec(t, admin, "CREATE DATABASE "+name)
	t.Cleanup(func() { exec(t, admin, "DROP DATABASE "+name+" WITH (FORCE)") })
	return withDatabase(t, dsn, name)
}

// needServers skips the test, but fails it where nothing may be skipped.
func needServers(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") != "" || os.Getenv("TENANTSTORE_REQUIRE_SERVERS") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// withDatabase returns dsn, an URL or a list of keyword=value, with another
// database.
func withDatabase(t testing.TB, dsn, name string) string {
	t.Helper()
	if !strings.Contains(dsn, "://") {
		return dsn + " dbname=" + name
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("TENANTSTORE_POSTGRES is not a valid URL")
	}
	u.Path = "/" + name
	if u.RawQuery == "" { // so that tests can append parameters
		u.RawQuery = "sslmode=prefer"
	}
	return u.String()
}

// connect opens one session of its own, as a person at psql would, and closes
// it when the test ends.
func connect(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatalf("connecting to the server of TENANTSTORE_POSTGRES: %v", err)
	}
	t.Cleanup(func() {
		if err := conn.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// patience limits a statement of a test, so that a lock that is never released
// fails the test that waits for it. No busy machine takes so long.
const patience = 5 * time.Minute

// exec runs one statement that must succeed.
func exec(t testing.TB, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := conn.Exec(ctx, sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// query returns the rows of one column.
func query[T any](t testing.TB, conn *pgx.Conn, sql string, args ...any) []T {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}

// one returns the only value of a query.
func one[T any](t testing.TB, conn *pgx.Conn, sql string, args ...any) T {
	t.Helper()
	rows := query[T](t, conn, sql, args...)
	if len(rows) != 1 {
		t.Fatalf("%s: %d rows, want 1", sql, len(rows))
	}
	return rows[0]
}
