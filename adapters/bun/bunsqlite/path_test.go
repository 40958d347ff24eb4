package bunsqlite_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// filesBelow are those of a directory, without what SQLite keeps beside them.
func filesBelow(tb testing.TB, dir string) (files []string) {
	tb.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.HasSuffix(path, "-wal") && !strings.HasSuffix(path, "-shm") {
			files = append(files, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

// What surrounds a path does no harm, and an address of SQLite is one if it has one
// meaning.
func TestOpenTakesAddresses(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.Mkdir("data", 0o700); err != nil {
		t.Fatal(err)
	}
	want := filepath.Join("data", "tenants.db")
	abs := filepath.Join(dir, want)
	for _, path := range []string{
		want, abs, "./" + want, " " + want, want + "\n", "\t" + abs + "\r\n", `"` + want + `"`, "'" + abs + "'\n", "\ufeff" + want,
		"file:" + want, "FILE:" + abs, "file://" + abs, "file://localhost" + abs, "file:data/tenants%2Edb", "file:" + want + "?mode=rwc", "file:" + abs + "?cache=private&mode=rwc",
		"sqlite:" + want, "sqlite:" + abs, "sqlite3:" + want, "SQLite://" + want, "sqlite3://./" + want, "sqlite:///" + abs,
		"jdbc:sqlite:" + want, "jdbc:sqlite:" + abs, "sqlite+aiosqlite:///" + want, "sqlite+aiosqlite:///./" + want, "sqlite+pysqlite:///" + abs,
	} {
		s, err := bunsqlite.Open(t.Context(), path)
		if err != nil {
			t.Errorf("%q: %v", path, err)
			continue
		}
		if err := s.Close(); err != nil {
			t.Errorf("%q: Close: %v", path, err)
		}
		if got := filesBelow(t, dir); len(got) != 1 || got[0] != want {
			t.Errorf("%q made %q", path, got)
		}
		if err := os.Remove(abs); err != nil {
			t.Error(err)
		}
	}
	for _, path := range []string{":memory:", " :memory:\n", "sqlite::memory:", "file::memory:", "sqlite+aiosqlite:///:memory:", "jdbc:sqlite::memory:"} {
		if s, err := bunsqlite.Open(t.Context(), path); err != nil {
			t.Errorf("%q: %v", path, err)
		} else if err := s.Close(); err != nil {
			t.Errorf("%q: Close: %v", path, err)
		}
	}
	for _, odd := range []string{"odd name?#%41&.db", "a:b.db", "a=b.db", "me@home.db", "./host=name.db", "wal-wal.db"} {
		open(t, odd)
	}
	if got := filesBelow(t, dir); len(got) != 6 {
		t.Errorf("made %q", got)
	}
}

// What is no path is ErrInvalid, says why, shows nothing that could be a password,
// and creates nothing.
func TestOpenRefusesOtherAddresses(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, path := range []string{
		"mysql://root:canary@host/app", "MYSQL://root:canary@host/app", " mysql://root:canary@host/app\n", `"mysql://root:canary@host/app"`, "mysql:root:canary@host",
		"mariadb://root:canary@host/app", "mysql+pymysql://root:canary@host/app", "jdbc:mysql://host/app?password=canary", "mysql2://root:canary@host/app",
		"postgres://app:canary@host/app", "postgresql+asyncpg://app:canary@host/app", "jdbc:postgresql://host/app?user=a&password=canary",
		"libsql://canary.turso.io", "mongodb+srv://app:canary@host/app", "redis://:canary@host/0", "sqlserver://sa:canary@host", "oracle:thin:app/canary@host",
		"//root:canary@host/app", "mysql//root:canary@host/app", "mysql ://root:canary@host/app", "mysql;//root:canary@host/app", "ｍysql://host/canary", "DATABASE_URL=mysql://root:canary@host/app", "export X=postgres://host/canary", "https://user:canary@host/tenants.db", "s3://canary/tenants.db", "foo://canary",
		"root:canary@tcp(host:3306)/app", "root@tcp(host:3306)/canary", "root:canary@/app", "app:canary@host/app", "root:canary@unix(/run/mysqld.sock)/app",
		"host=db user=app password=canary", "user=app password=canary host=db", "Data Source=canary.db;Version=3;", "Server=db;Uid=root;Pwd=canary;", "password=canary",
		"", " ", "\n", `""`, "tenants\ncanary.db", "tenants\x00canary.db", "canary/", "sqlite:", "sqlite://", "sqlite:///", "file:", "file://",
		"sqlite:///canary.db", "sqlite3:///" + "canary/tenants.db", "file://canary/tenants.db", "file:canary%zz.db", "file:canary.db#a", "sqlite:can%61ry.db", "sqlite://user:canary@host/x.db",
		"file:canary.db?mode=ro", "file:canary.db?_pragma=busy_timeout(5000)", "file:canary.db?vfs=unix", "canary.db?_pragma=foreign_keys(1)", "canary.db?cache=shared&mode=rwc",
		"sqlite+aiosqlite:canary.db", "sqlite+aiosqlite://canary.db", "sqlite+pysqlcipher://:canary@/x.db?cipher=aes", "file::memory:?cache=shared",
	} {
		s, err := bunsqlite.Open(t.Context(), path)
		if err == nil {
			_ = s.Close()
		}
		var typed *tenancy.Error
		if !errors.As(err, &typed) || !errors.Is(err, tenancy.ErrInvalid) || typed.Field != "path" || typed.Op != "Open" || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v, want ErrInvalid in path, and nothing of it", path, err)
		}
		if got := filesBelow(t, dir); len(got) != 0 {
			t.Fatalf("%q made %q", path, got)
		}
	}
	// What nobody recognizes is taken for a path, which must not be shown either.
	for _, path := range []string{"/root:canary@host/app", "./x@y/canary/" + strings.Repeat("x", 300)} {
		if _, err := bunsqlite.Open(t.Context(), path); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", path, err)
		}
	}
}
