//go:build unix

package servers

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestMajorVersion(t *testing.T) {
	for line, want := range map[string]int{
		"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)": 15,
		"postgres (PostgreSQL) 17devel":                        17,
		"postgres (PostgreSQL) 9.6.24":                         9,
	} {
		if got, err := majorVersion(line); got != want || err != nil {
			t.Errorf("%q: %d, %v, want %d", line, got, err, want)
		}
	}
	for _, line := range []string{"", "postgres 15", "postgres (PostgreSQL) x"} {
		if got, err := majorVersion(line); err == nil {
			t.Errorf("%q: %d, want an error", line, got)
		}
	}
}

func TestDebianVersionOrders(t *testing.T) {
	if a, b := debianVersion("/usr/lib/postgresql/9/bin"), debianVersion("/usr/lib/postgresql/17/bin"); a != 9 || b != 17 {
		t.Errorf("versions %d and %d, want 9 and 17", a, b)
	}
}

func TestSweepRemovesOnlyWhatLostItsOwner(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // servers must get through
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	mine, err := newTempDir()
	if err != nil {
		t.Fatal(err)
	}
	abandoned, err := newTempDir()
	if err != nil {
		t.Fatal(err)
	}
	if err := abandoned.lock.Close(); err != nil { // as the end of the program does
		t.Fatal(err)
	}
	strange := filepath.Join(os.TempDir(), "tenantstore-servers-of-somebody")
	if err := os.Mkdir(strange, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := sweep(); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{mine.path: true, abandoned.path: false, strange: true} {
		_, err := os.Stat(path)
		if got := err == nil; got != want {
			t.Errorf("%s exists: %v, want %v", path, got, want)
		}
	}
	if err := mine.remove(); err != nil {
		t.Fatal(err)
	}
}

// A stack goes on without its cache, so a run whose server has died must not pass.
func TestAServerThatDiesIsNoticed(t *testing.T) {
	needValkey(t, ValkeyOptions{})
	v, err := StartValkey(t.Context(), ValkeyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ended := v.server.ended
	if err := syscall.Kill(v.server.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-ended
	if err := v.Close(); err == nil || !strings.Contains(err.Error(), "ended by itself (signal: killed)") {
		t.Errorf("Close says %v", err)
	}
}
