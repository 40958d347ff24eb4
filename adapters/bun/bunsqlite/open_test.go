package bunsqlite_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(tb testing.TB, path string, opts ...bunsqlite.Option) *bunstore.Store {
	tb.Helper()
	s, err := bunsqlite.Open(tb.Context(), path, opts...)
	if err != nil {
		tb.Fatalf("Open: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return s
}

func create(tb testing.TB, s tenancy.Store, identifier string) tenancy.Tenant {
	tb.Helper()
	t, err := s.Create(tb.Context(), tenancy.Tenant{Identifier: identifier, Name: "Name of " + identifier})
	if err != nil {
		tb.Fatalf("Create: %v", err)
	}
	return t
}

func TestOpenMakesAPrivateFile(t *testing.T) {
	for _, name := range []string{"tenants.db", "odd name?#%41&.db", "ä.db"} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		s := open(t, path)
		create(t, s, "acme")
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), name) {
				t.Errorf("%s: there is a file %q", name, e.Name())
			}
			if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: permissions %v, %v", e.Name(), info.Mode().Perm(), err)
			}
		}
		if len(entries) < 2 {
			t.Errorf("%s: %d files, want a WAL too", name, len(entries))
		}
	}
}

// A link may come before its file, and a path need not be in its shortest form.
func TestOpenFollowsThePath(t *testing.T) {
	dir := t.TempDir()
	for name, path := range map[string]string{
		"linked.db": filepath.Join(dir, "link.db"),
		"dots.db":   dir + "/none/../dots.db",
	} {
		if strings.HasPrefix(name, "linked") {
			if err := os.Symlink(name, path); err != nil {
				t.Fatal(err)
			}
		}
		create(t, open(t, path), "acme")
		if info, err := os.Lstat(filepath.Join(dir, name)); err != nil || !info.Mode().IsRegular() || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// A link in a directory that is reached through another link leads where the
// operating system says: nothing else is created, and nothing with other permissions.
func TestOpenFollowsLinksOfDirectories(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "real", "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		"short":               filepath.Join("real", "deep"),
		"real/deep/up.db":     "../up.db",
		"real/deep/around.db": dir + "/short/../around.db",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"up.db", "around.db"} {
		create(t, open(t, filepath.Join(dir, "short", name)), "acme")
		if info, err := os.Lstat(filepath.Join(dir, "real", name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is where no link leads: %v", name, err)
		}
	}
}

// What cannot be created leaves nothing behind, and the error says which file it
// is about.
func TestOpenThatFailsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	long := filepath.Join(dir, strings.Repeat("x", 245)) // the file fits, its WAL and temporary names do not
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{long, loop, dir, filepath.Join(dir, "none", "tenants.db")} {
		s, err := bunsqlite.Open(t.Context(), path)
		if err == nil {
			_ = s.Close()
			_ = os.Remove(path)
			continue
		}
		if !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%.80s: %v, want ErrUnavailable and the path", path, err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestOpenKeepsPermissions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.db")
	if err := os.WriteFile(path, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	open(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("permissions %v, %v", info.Mode().Perm(), err)
	}
}

func TestOpenReportsBadPaths(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage")
	if err := os.WriteFile(garbage, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path string
		reason     error
		text       string
	}{
		{"empty", "", tenancy.ErrInvalid, "path"},
		{"no directory", filepath.Join(dir, "none", "tenants.db"), tenancy.ErrUnavailable, "does not exist"},
		{"a directory", dir, tenancy.ErrUnavailable, "is a directory"},
		{"not a database", garbage, tenancy.ErrUnavailable, "not a database"},
	} {
		s, err := bunsqlite.Open(t.Context(), c.path)
		if err == nil {
			_ = s.Close()
		}
		var typed *tenancy.Error
		if !errors.As(err, &typed) || typed.Op != "Open" || !errors.Is(err, c.reason) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %v with %q", c.name, err, c.reason, c.text)
		}
	}
}

// Every option with a number has bounds, and what lies beyond is ErrInvalid.
func TestOptionsAreChecked(t *testing.T) {
	const ever = time.Duration(math.MaxInt64)
	path := filepath.Join(t.TempDir(), "tenants.db")
	for field, options := range map[string][]bunsqlite.Option{
		"readers":      {bunsqlite.WithReaders(0), bunsqlite.WithReaders(math.MinInt), bunsqlite.WithReaders(1025), bunsqlite.WithReaders(math.MaxInt)},
		"mmap_size":    {bunsqlite.WithMmapSize(-1), bunsqlite.WithMmapSize(math.MinInt64), bunsqlite.WithMmapSize(1<<40 + 1), bunsqlite.WithMmapSize(math.MaxInt64)},
		"busy_timeout": {bunsqlite.WithBusyTimeout(-time.Second), bunsqlite.WithBusyTimeout(time.Hour + 1), bunsqlite.WithBusyTimeout(ever)},
		"synchronous":  {bunsqlite.WithSynchronous("OFF); DROP TABLE tenants"), bunsqlite.WithSynchronous("")},
		"table":        {bunsqlite.WithStore(bunstore.WithTable("a b"))},
		"poll_interval": {bunsqlite.WithStore(bunstore.WithPollInterval(0)), bunsqlite.WithStore(bunstore.WithPollInterval(-ever)),
			bunsqlite.WithStore(bunstore.WithPollInterval(24*time.Hour + 1)), bunsqlite.WithStore(bunstore.WithPollInterval(ever))},
		"lock_timeout": {bunsqlite.WithStore(bunstore.WithLockTimeout(0)), bunsqlite.WithStore(bunstore.WithLockTimeout(time.Microsecond)),
			bunsqlite.WithStore(bunstore.WithLockTimeout(ever))},
		"retry_timeout": {bunsqlite.WithStore(bunstore.WithRetryTimeout(0)), bunsqlite.WithStore(bunstore.WithRetryTimeout(ever))},
		"retention": {bunsqlite.WithStore(bunstore.WithRetention(math.MaxInt64, 0)), bunsqlite.WithStore(bunstore.WithRetention(1<<40+1, 0)),
			bunsqlite.WithStore(bunstore.WithRetention(0, ever))},
	} {
		for i, option := range options {
			_, err := bunsqlite.Open(t.Context(), path, option)
			var typed *tenancy.Error
			if !errors.As(err, &typed) || typed.Field != field || !errors.Is(err, tenancy.ErrInvalid) {
				t.Errorf("%s, %d: %v", field, i, err)
			}
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was created: %v", err)
	}
}

// The largest numbers that are allowed work.
func TestLargestOptions(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "tenants.db"), bunsqlite.WithReaders(1024), bunsqlite.WithMmapSize(1<<40), bunsqlite.WithBusyTimeout(time.Hour),
		bunsqlite.WithStore(bunstore.WithPollInterval(24*time.Hour), bunstore.WithLockTimeout(24*time.Hour), bunstore.WithRetryTimeout(24*time.Hour),
			bunstore.WithRetention(1<<40, 100*365*24*time.Hour)))
	create(t, s, "acme")
	if n, err := s.Trim(t.Context()); n != 0 || err != nil {
		t.Errorf("Trim: %d, %v", n, err)
	}
}

func TestOpenWithoutMigrate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.db")
	s := open(t, path, bunsqlite.WithoutMigrate())
	if _, err := s.Bounds(t.Context()); !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "run Migrate") {
		t.Errorf("Head: %v", err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	create(t, s, "acme")
}

func TestOpenHonoursContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := bunsqlite.Open(ctx, filepath.Join(t.TempDir(), "tenants.db")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", s, err)
	}
}

// In memory there is one database for each Open, however many goroutines use it,
// and no cancelled call takes it away.
func TestMemoryIsOneDatabase(t *testing.T) {
	a, b := open(t, bunsqlite.Memory), open(t, bunsqlite.Memory)
	create(t, a, "acme")
	if n, err := b.Count(t.Context(), tenancy.Filter{}); n != 0 || err != nil {
		t.Errorf("another database holds %d, %v", n, err)
	}
	for range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := a.Search(ctx, "acme", tenancy.SearchOptions{})
			_, err2 := a.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Taken"})
			done <- errors.Join(err, err2)
		}()
		cancel()
		if err := <-done; err == nil {
			t.Fatal("created twice")
		}
	}
	if _, err := a.GetByIdentifier(t.Context(), "acme"); err != nil {
		t.Errorf("the database is gone: %v", err)
	}
}

// A process's locks on a file go when it closes any descriptor of it. So a second
// Open of a file must open it by SQLite only: else the next process that closes
// the database takes itself for the last one, and removes the WAL under the
// first store.
func TestSecondOpenKeepsTheLocksOfTheFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.db")
	first := open(t, path)
	create(t, first, "acme")
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path)
	sqlite3(t, path, "SELECT count(*) FROM tenants")
	if _, err := os.Stat(path + "-wal"); err != nil {
		t.Errorf("another process that read and left has removed the WAL: %v", err)
	}
	create(t, first, "second")
	if got := strings.TrimSpace(sqlite3(t, path, "SELECT count(*) FROM tenants")); got != "2" {
		t.Errorf("another process sees %s tenants, want 2", got)
	}
}
