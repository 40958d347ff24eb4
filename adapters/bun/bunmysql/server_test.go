package bunmysql_test

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// shared returns the URL of the server that tests share.
func shared(t testing.TB) *url.URL {
	t.Helper()
	dsn := os.Getenv("TENANTSTORE_MYSQL")
	if dsn == "" {
		needServers(t, "needs a MariaDB or MySQL server: run the tests by `make test`, or set TENANTSTORE_MYSQL")
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("TENANTSTORE_MYSQL is not a valid URL")
	}
	return u
}

// newDatabase creates a database for the test and returns its URL.
func newDatabase(t testing.TB) string {
	t.Helper()
	u := shared(t)
	name := "test_" + strings.ReplaceAll(tenancy.NewID(), "-", "")
	admin := connect(t, u.String())
	exec(t, admin, "CREATE DATABASE "+name)
	t.Cleanup(func() { exec(t, admin, "DROP DATABASE "+name) })
	u.Path = "/" + name
	return u.String()
}

// needServers skips the test, but fails it where nothing may be skipped.
func needServers(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") != "" || os.Getenv("TENANTSTORE_REQUIRE_SERVERS") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// connect opens one session of its own, as a person with a client would, and closes it
// when the test ends. The server's defaults for sessions stay.
func connect(t testing.TB, dsn string) *sql.Conn {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	config := mysql.NewConfig()
	config.User, config.Net, config.Addr, config.DBName = u.User.Username(), "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
	config.Passwd, _ = u.User.Password()
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatalf("connecting to the server of TENANTSTORE_MYSQL: %v", err)
	}
	t.Cleanup(func() {
		_ = conn.Close() // it may have been killed
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// patience limits a statement of a test, so that a lock that is never released
// fails the test that waits for it. No busy machine takes so long.
const patience = 5 * time.Minute

// exec runs one statement that must succeed.
func exec(t testing.TB, conn *sql.Conn, text string, args ...any) {
	t.Helper()
	if err := try(conn, text, args...); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// try runs one statement.
func try(conn *sql.Conn, text string, args ...any) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := conn.ExecContext(ctx, text, args...)
	return err
}

// query returns the rows of one column.
func query[T any](t testing.TB, conn *sql.Conn, text string, args ...any) (values []T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	rows, err := conn.QueryContext(ctx, text, args...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var v T
		if err := rows.Scan(&v); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		values = append(values, v)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return values
}

// one returns the only value of a query.
func one[T any](t testing.TB, conn *sql.Conn, text string, args ...any) T {
	t.Helper()
	values := query[T](t, conn, text, args...)
	if len(values) != 1 {
		t.Fatalf("%s: %d rows, want 1", text, len(values))
	}
	return values[0]
}
