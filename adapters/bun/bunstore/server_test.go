package bunstore_test

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql" // the driver "mysql"
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

// newMySQL is newPostgres for MariaDB or MySQL; the DSN is for go-sql-driver/mysql.
func newMySQL(tb testing.TB) string {
	tb.Helper()
	dsn := os.Getenv("TENANTSTORE_MYSQL")
	if dsn == "" {
		if os.Getenv("CI") != "" || os.Getenv("TENANTSTORE_REQUIRE_SERVERS") != "" {
			tb.Fatal("TENANTSTORE_MYSQL is not set; run the tests by `make test`")
		}
		if _, ok := tb.(*testing.B); ok {
			return ""
		}
		tb.Skip("needs a MariaDB or MySQL server: run the tests by `make test`, or set TENANTSTORE_MYSQL")
	}
	u, err := url.Parse(dsn)
	if err != nil {
		tb.Fatal("TENANTSTORE_MYSQL is not a valid URL")
	}
	password, _ := u.User.Password()
	server := u.User.Username() + ":" + password + "@tcp(" + u.Host + ")/"
	name := "test_" + strings.ReplaceAll(tenancy.NewID(), "-", "")
	run := func(text string) {
		db, err := sql.Open("mysql", server)
		if err != nil {
			tb.Fatal("TENANTSTORE_MYSQL cannot be read")
		}
		defer func() { _ = db.Close() }()
		if _, err := db.ExecContext(context.Background(), text); err != nil {
			tb.Fatalf("%s: %v", text, err)
		}
	}
	run("CREATE DATABASE " + name)
	tb.Cleanup(func() { run("DROP DATABASE " + name) })
	return server + name
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
