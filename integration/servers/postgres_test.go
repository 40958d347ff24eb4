//go:build unix

package servers_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/go-tenancy/tenantstore/integration/servers"
)

func exec(t *testing.T, dsn string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func query(t *testing.T, dsn, statement string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	var result string
	if err := conn.QueryRow(t.Context(), statement).Scan(&result); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return result
}

func TestPostgresKeepsItsDataAcrossStopAndKill(t *testing.T) {
	p := servers.NewPostgres(t, servers.PostgresOptions{Durable: true})
	dsn := p.DSN()
	exec(t, dsn, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (1)")
	for _, end := range []func() error{p.Stop, p.Kill} {
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if conn, err := pgx.Connect(t.Context(), dsn); err == nil {
			t.Fatal("the server answers after its end", conn.Close(t.Context()))
		}
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if p.DSN() != dsn {
			t.Error("a restart changed the DSN")
		}
		if n := query(t, dsn, "SELECT count(*)::text FROM kept"); n != "1" {
			t.Errorf("%s rows after a restart, want 1", n)
		}
	}
}

func TestBackupAndRestore(t *testing.T) {
	p := servers.NewPostgres(t, servers.PostgresOptions{})
	if _, err := p.Backup(); err == nil {
		t.Error("the files of a running server were copied")
	}
	if err := p.Restore(servers.Backup{}); err == nil {
		t.Error("the files of a running server were replaced")
	}
	exec(t, p.DSN(), "CREATE TABLE kept (n int)")
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	backup, err := p.Backup()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec(t, p.DSN(), "INSERT INTO kept VALUES (1)")
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := p.Restore(backup); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := query(t, p.DSN(), "SELECT count(*)::text FROM kept"); n != "0" {
		t.Errorf("%s rows after the restore of an empty table", n)
	}
}

func TestSettings(t *testing.T) {
	quick := servers.NewPostgres(t, servers.PostgresOptions{Settings: map[string]string{"work_mem": "5MB"}})
	durable := servers.NewPostgres(t, servers.PostgresOptions{Durable: true})
	for _, c := range []struct{ dsn, setting, want string }{
		{quick.DSN(), "work_mem", "5MB"},
		{quick.DSN(), "fsync", "off"},
		{durable.DSN(), "fsync", "on"},
		{durable.DSN(), "full_page_writes", "on"},
		{durable.DSN(), "synchronous_commit", "on"},
	} {
		if got := query(t, c.dsn, "SHOW "+c.setting); got != c.want {
			t.Errorf("%s is %s, want %s", c.setting, got, c.want)
		}
	}
}

func TestStartSaysWhyItFailed(t *testing.T) {
	servers.NewDatabase(t) // skips like NewPostgres
	_, err := servers.StartPostgres(t.Context(), servers.PostgresOptions{Settings: map[string]string{"work_mem": "a lot"}})
	if err == nil || !strings.Contains(err.Error(), `invalid value for parameter "work_mem"`) {
		t.Errorf("error %v does not hold the server's message", err)
	}
}

func TestNothingIsLeft(t *testing.T) {
	servers.NewDatabase(t) // skips like NewPostgres
	dir := t.TempDir()
	makePassable(t, dir)
	t.Setenv("TMPDIR", dir)
	p, err := servers.StartPostgres(t.Context(), servers.PostgresOptions{})
	if err != nil {
		t.Fatal(err)
	}
	dsn := p.DSN()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if conn, err := pgx.Connect(t.Context(), dsn); err == nil {
		t.Error("the server answers after Close", conn.Close(t.Context()))
	}
}

// Whatever the temporary directory is called, servers of every kind start in it.
func TestTemporaryDirectory(t *testing.T) {
	servers.NewDatabase(t) // skips like NewPostgres
	parent := t.TempDir()
	makePassable(t, parent)
	t.Chdir(parent)
	for name, dir := range map[string]string{
		"with a space and quotes": filepath.Join(parent, `it's a "temporary" directory`),
		"relative":                "relative",
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			t.Setenv("TMPDIR", dir)
			servers.NewPostgres(t, servers.PostgresOptions{})
			eachBrand(t, func(t *testing.T, options servers.ValkeyOptions) { servers.NewSentinelSet(t, options) })
		})
	}
}

func TestTemporaryDirectoryThatNobodyMayEnter(t *testing.T) {
	servers.NewDatabase(t) // skips like NewPostgres
	if os.Geteuid() != 0 {
		t.Skip("servers run as another user only where we are root")
	}
	parent := t.TempDir()
	makePassable(t, parent)
	if err := os.Chmod(parent, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", parent)
	p, err := servers.StartPostgres(t.Context(), servers.PostgresOptions{})
	if err == nil {
		t.Fatal("a server started", p.Close())
	}
	if text := err.Error(); !strings.Contains(text, parent) || !strings.Contains(text, "TMPDIR") {
		t.Errorf("%v does not say what to do", err)
	}
}

// makePassable lets the server's user, who is not root, through to a test's
// directory.
func makePassable(t *testing.T, dir string) {
	t.Helper()
	for ; dir != filepath.Clean(os.TempDir()); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNewDatabaseIsDroppedAtTheEnd(t *testing.T) {
	var dsn string
	t.Run("test", func(t *testing.T) {
		dsn = servers.NewDatabase(t)
		exec(t, dsn, "CREATE TABLE t (n int)")
	})
	if dsn == "" {
		t.Skip("no server")
	}
	if conn, err := pgx.Connect(t.Context(), dsn); err == nil {
		t.Error("the database is still there", conn.Close(t.Context()))
	}
}

func ExampleStartPostgres() {
	ctx := context.Background()
	p, err := servers.StartPostgres(ctx, servers.PostgresOptions{Durable: true})
	if err != nil {
		fmt.Println(err) // what to install, if that is missing
		return
	}
	defer p.Close()
	fmt.Println("connect to", p.DSN())
}

// The verifier is one that initdb stores as it is, and the server asks for its password.
func TestPostgresAsksForItsPassword(t *testing.T) {
	dsn := servers.NewPostgres(t, servers.PostgresOptions{}).DSN()
	if got := query(t, dsn, "SELECT left(rolpassword, 16) FROM pg_authid WHERE rolname = current_user"); got != "SCRAM-SHA-256$1:" {
		t.Errorf("the verifier begins with %q", got)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(u.User.Username(), "guessed")
	if conn, err := pgx.Connect(t.Context(), u.String()); err == nil {
		t.Error("another password was taken", conn.Close(t.Context()))
	}
}
