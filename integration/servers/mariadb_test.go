//go:build unix

package servers_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/integration/servers"
)

// mysqlQuery runs a statement and returns the first column of its first row.
func mysqlQuery(t *testing.T, dsn, statement string) (result string, err error) {
	t.Helper()
	db, err := servers.OpenMySQL(dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.QueryRowContext(t.Context(), statement).Scan(&result)
	return result, err
}

func mysqlExec(t *testing.T, dsn, statements string) {
	t.Helper()
	db, err := servers.OpenMySQL(dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statements); err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
}

func TestMariaDBKeepsItsDataAcrossStopAndKill(t *testing.T) {
	m := servers.NewMariaDB(t, servers.MariaDBOptions{Durable: true})
	dsn := m.DSN()
	mysqlExec(t, dsn, "CREATE DATABASE d; CREATE TABLE d.kept (n int); INSERT INTO d.kept VALUES (1)")
	for _, end := range []func() error{m.Stop, m.Kill} {
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if n, err := mysqlQuery(t, dsn, "SELECT count(*) FROM d.kept"); err == nil {
			t.Fatal("the server answers after its end", n)
		}
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if m.DSN() != dsn {
			t.Error("a restart changed the DSN")
		}
		if n, err := mysqlQuery(t, dsn, "SELECT count(*) FROM d.kept"); err != nil || n != "1" {
			t.Errorf("%s rows after a restart, %v, want 1", n, err)
		}
	}
}

func TestMariaDBSettings(t *testing.T) {
	quick := servers.NewMariaDB(t, servers.MariaDBOptions{Settings: map[string]string{"max-connections": "17"}})
	durable := servers.NewMariaDB(t, servers.MariaDBOptions{Durable: true})
	for _, c := range []struct{ dsn, setting, want string }{
		{quick.DSN(), "max_connections", "17"},
		{quick.DSN(), "innodb_flush_log_at_trx_commit", "0"},
		{durable.DSN(), "innodb_flush_log_at_trx_commit", "1"},
		{durable.DSN(), "innodb_doublewrite", "1"},
		{durable.DSN(), "character_set_server", "latin1"},
	} {
		if got, err := mysqlQuery(t, c.dsn, "SELECT @@"+c.setting); err != nil || got != c.want {
			t.Errorf("%s is %s, %v, want %s", c.setting, got, err, c.want)
		}
	}
	u, err := url.Parse(quick.DSN())
	if err != nil {
		t.Fatal(err)
	}
	for _, guessed := range []*url.Userinfo{url.UserPassword("root", "guessed"), url.UserPassword("root", ""), url.User("nobody"), url.UserPassword("", "")} {
		u.User = guessed
		if _, err := mysqlQuery(t, u.String(), "SELECT 1"); err == nil {
			t.Errorf("%s was let in", guessed)
		}
	}
}

func TestMariaDBSaysWhyItDoesNotStart(t *testing.T) {
	servers.NewMySQLDatabase(t) // skips like NewMariaDB
	_, err := servers.StartMariaDB(t.Context(), servers.MariaDBOptions{Settings: map[string]string{"no-such-setting": "1"}})
	if err == nil || !strings.Contains(err.Error(), "no-such-setting") {
		t.Errorf("error %v does not hold the server's message", err)
	}
}

// Whatever the temporary directory is called, and however long its path is.
func TestMariaDBLeavesNothing(t *testing.T) {
	servers.NewMySQLDatabase(t) // skips like NewMariaDB
	parent := t.TempDir()
	makePassable(t, parent)
	dir := filepath.Join(parent, `it's a "temporary" directory, the path of which is longer than that of a socket may be`)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	m, err := servers.StartMariaDB(t.Context(), servers.MariaDBOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mysqlQuery(t, m.DSN(), "SELECT 1"); err != nil {
		t.Error(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestNewMySQLDatabaseIsDroppedAtTheEnd(t *testing.T) {
	var dsn string
	t.Run("test", func(t *testing.T) {
		dsn = servers.NewMySQLDatabase(t)
		mysqlExec(t, dsn, "CREATE TABLE t (n int)")
	})
	if dsn == "" {
		t.Skip("no server")
	}
	if _, err := mysqlQuery(t, dsn, "SELECT 1"); err == nil {
		t.Error("the database is still there")
	}
}
