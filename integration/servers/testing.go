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
	"time"

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
	shared := sharedServer(tb, PostgresEnv, "PostgreSQL")
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
	sharedServer(tb, PostgresEnv, "PostgreSQL")
	p, err := StartPostgres(tb.Context(), options)
	return started(tb, p, err)
}

// NewMySQLDatabase creates a database for tb on the shared server that MySQLEnv names,
// and returns its URL, as [NewDatabase] does.
func NewMySQLDatabase(tb testing.TB) (dsn string) {
	tb.Helper()
	shared := sharedServer(tb, MySQLEnv, "MariaDB")
	u, err := url.Parse(shared)
	if err != nil {
		tb.Fatalf("%s is not a URL", MySQLEnv) // err would show it, with its password
	}
	name := "test_" + strings.ToLower(rand.Text())
	run := func(statement string) {
		if err := execMySQL(context.Background(), shared, statement); err != nil { // that of tb has ended when the clean-up runs
			tb.Errorf("%s: %v", statement, err)
		}
	}
	run("CREATE DATABASE " + name)
	tb.Cleanup(func() { run("DROP DATABASE " + name) })
	u.Path = "/" + name
	return u.String()
}

// NewDatabase creates a database for tb, and returns its URL. It goes with the server.
func (m *MariaDB) NewDatabase(tb testing.TB) (dsn string) {
	tb.Helper()
	name := "test_" + strings.ToLower(rand.Text())
	if err := execMySQL(tb.Context(), m.DSN(), "CREATE DATABASE "+name); err != nil {
		tb.Fatal(err)
	}
	return m.DSN() + name
}

// NewMariaDB starts a server that tb has for itself, and closes it when tb ends. It is
// skipped, or fails, as in [NewDatabase].
func NewMariaDB(tb testing.TB, options MariaDBOptions) *MariaDB {
	tb.Helper()
	sharedServer(tb, MySQLEnv, "MariaDB")
	m, err := StartMariaDB(tb.Context(), options)
	return started(tb, m, err)
}

// NewStandby starts a standby of primary, and closes it when tb ends.
func NewStandby(tb testing.TB, primary *Postgres) *Postgres {
	tb.Helper()
	p, err := StartStandby(tb.Context(), primary)
	return started(tb, p, err)
}

// NewValkey starts a server that tb has for itself, and closes it when tb ends. It
// is skipped, or fails, as in [NewDatabase].
func NewValkey(tb testing.TB, options ValkeyOptions) *Valkey {
	tb.Helper()
	needValkey(tb, options)
	v, err := StartValkey(tb.Context(), options)
	return started(tb, v, err)
}

// NewCluster is [NewValkey] for a cluster.
func NewCluster(tb testing.TB, options ValkeyOptions, shards int) *Cluster {
	tb.Helper()
	needValkey(tb, options)
	c, err := StartCluster(tb.Context(), options, shards)
	return started(tb, c, err)
}

// NewSentinelSet is [NewValkey] for a primary and a replica with sentinels.
func NewSentinelSet(tb testing.TB, options ValkeyOptions) *SentinelSet {
	tb.Helper()
	needValkey(tb, options)
	s, err := StartSentinelSet(tb.Context(), options)
	return started(tb, s, err)
}

// Eventually waits until condition holds. tb fails if it does not within five minutes,
// which no busy machine needs, and says what was waited for.
func Eventually(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("waited in vain: %s", what)
		}
	}
}

// started returns s, which is closed when tb ends.
func started[S interface{ Close() error }](tb testing.TB, s S, err error) S {
	tb.Helper()
	if errors.Is(err, ErrNotInstalled) && !Required() {
		tb.Skip(err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// needValkey skips tb, or fails it, where no server of the brand is wanted.
func needValkey(tb testing.TB, options ValkeyOptions) {
	tb.Helper()
	what := "Valkey"
	if options.Redis {
		what = "Redis"
	}
	sharedServer(tb, options.env(), what)
}

// sharedServer returns what env says. Where it says nothing, no server is
// wanted, unless servers are Required.
func sharedServer(tb testing.TB, env, what string) string {
	tb.Helper()
	where := os.Getenv(env)
	switch {
	case where != "":
	case Required():
		tb.Fatalf("%s is not set, and servers are required: run make test", env)
	default:
		tb.Skipf("needs %s: run make test, or set %s", what, env)
	}
	return where
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
