//go:build unix

package servers

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Required reports whether a test that lacks its server must fail rather than
// skip: in CI, or when TENANTSTORE_REQUIRE_SERVERS is set.
func Required() bool {
	return os.Getenv("CI") != "" || os.Getenv("TENANTSTORE_REQUIRE_SERVERS") != ""
}

// NewDatabase creates a database for tb on the shared server that PostgresEnv
// names, and returns its DSN; the database is dropped when tb ends. Without a
// server tb is skipped, or fails if servers are [Required].
func NewDatabase(tb testing.TB) (dsn string) {
	tb.Helper()
	shared := sharedPostgres(tb)
	name := "test_" + strings.ToLower(rand.Text())
	administer(tb, shared, "CREATE DATABASE "+name)
	tb.Cleanup(func() { administer(tb, shared, "DROP DATABASE "+name+" WITH (FORCE)") })
	u, err := url.Parse(shared)
	if err != nil {
		tb.Fatalf("%s is not a URL", PostgresEnv) // err would show it, with its password
	}
	u.Path = "/" + name
	return u.String()
}

// NewPostgres starts a server that tb has for itself, and closes it when tb
// ends. It is skipped, or fails, as in [NewDatabase].
func NewPostgres(tb testing.TB, options PostgresOptions) *Postgres {
	tb.Helper()
	sharedPostgres(tb)
	p, err := StartPostgres(tb.Context(), options)
	if errors.Is(err, ErrNotInstalled) && !Required() {
		tb.Skip(err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.Close(); err != nil {
			tb.Error(err)
		}
	})
	return p
}

func sharedPostgres(tb testing.TB) string {
	tb.Helper()
	dsn := os.Getenv(PostgresEnv)
	switch {
	case dsn != "":
	case Required():
		tb.Fatalf("%s is not set, and servers are required: run make test", PostgresEnv)
	default:
		tb.Skipf("needs PostgreSQL: run make test, or set %s", PostgresEnv)
	}
	return dsn
}

// administer runs one statement. It has a context of its own: that of tb has
// ended when the clean-up runs.
func administer(tb testing.TB, dsn, statement string) {
	tb.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		tb.Fatalf("connecting to the server of %s: %v", PostgresEnv, err)
	}
	_, err = conn.Exec(ctx, statement)
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		tb.Errorf("%s: %v", statement, err)
	}
}
