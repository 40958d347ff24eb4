//go:build unix

package bunsqlite_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const readOnlyFile = "TENANTSTORE_TEST_READ_ONLY_FILE"

// A file that this user may only read is refused when it is opened, not at the first
// write; WithoutMigrate opens it to read.
func TestOpenOfAReadOnlyFile(t *testing.T) {
	path := os.Getenv(readOnlyFile)
	if path == "" {
		dir := t.TempDir()
		path = filepath.Join(dir, "tenants.db")
		create(t, open(t, path), "acme") // stays open, and so does the WAL
		for name, mode := range map[string]os.FileMode{path: 0o444, path + "-wal": 0o666, path + "-shm": 0o666, dir: 0o777, filepath.Dir(dir): 0o755} {
			if err := os.Chmod(name, mode); err != nil {
				t.Fatal(err)
			}
		}
		if os.Getuid() == 0 { // may write everything: so this test again, as somebody else
			asNobody(t, path)
			return
		}
	}
	s, err := bunsqlite.Open(t.Context(), path)
	if err == nil {
		_ = s.Close()
	}
	if !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "read-only") || !strings.Contains(err.Error(), path) {
		t.Errorf("Open: %v, want ErrUnavailable that says read-only", err)
	}
	if _, err := open(t, path, bunsqlite.WithoutMigrate()).GetByIdentifier(t.Context(), "acme"); err != nil {
		t.Errorf("WithoutMigrate: %v", err)
	}
}

// SQLite keeps its log beside the file. Where that cannot be, because the directory may
// not be written, Open says so.
func TestOpenInAReadOnlyDirectory(t *testing.T) {
	path := os.Getenv(readOnlyFile)
	if path == "" {
		dir := t.TempDir()
		path = filepath.Join(dir, "tenants.db")
		s := open(t, path)
		create(t, s, "acme")
		if err := s.Close(); err != nil { // and with it goes the log
			t.Fatal(err)
		}
		for name, mode := range map[string]os.FileMode{path: 0o666, dir: 0o555, filepath.Dir(dir): 0o755} {
			if err := os.Chmod(name, mode); err != nil {
				t.Fatal(err)
			}
		}
		t.Cleanup(func() { _ = os.Chmod(dir, 0o755) }) //nolint:gosec // to be removed
		if os.Getuid() == 0 {
			asNobody(t, path)
			return
		}
	}
	s, err := bunsqlite.Open(t.Context(), path)
	if err == nil {
		_ = s.Close()
	}
	if !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "directory") {
		t.Errorf("Open: %v, want ErrUnavailable that speaks of the directory", err)
	}
	reader := open(t, path, bunsqlite.WithoutMigrate())
	_, err = reader.Create(t.Context(), tenancy.Tenant{Identifier: "new", Name: "New"})
	if !errors.Is(err, tenancy.ErrNotApplied) || !strings.Contains(err.Error(), "directory") {
		t.Errorf("Create: %v, want ErrNotApplied that speaks of the directory", err)
	}
}

// asNobody runs the test that calls it as a user without rights.
func asNobody(t *testing.T, path string) {
	t.Helper()
	binary, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		if os.Getenv("CI") != "" || os.Getenv("TENANTSTORE_REQUIRE_SERVERS") != "" {
			t.Fatal("/proc/self/exe cannot be read, and root may write what is read-only")
		}
		t.Skip("needs /proc/self/exe, or a user that is not root")
	}
	program := filepath.Join(filepath.Dir(path), "test")
	if err := os.WriteFile(program, binary, 0o755); err != nil { //nolint:gosec // somebody else is to run it
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program, "-test.run", "^"+t.Name()+"$")
	command.Env = append(os.Environ(), readOnlyFile+"="+path, "TMPDIR="+filepath.Dir(path))
	command.Dir = filepath.Dir(path)
	const nobody = 65534
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}
