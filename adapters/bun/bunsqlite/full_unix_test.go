//go:build unix

package bunsqlite_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const fullDisk = "TENANTSTORE_TEST_FULL_DISK"

// A disk that takes no more, here because of a limit of the process, has not taken the
// write. It is tried again, and is there once.
func TestFullDisk(t *testing.T) {
	path := os.Getenv(fullDisk)
	if path == "" { // the limit is for a process of its own
		path = filepath.Join(t.TempDir(), "tenants.db")
		command := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestFullDisk$")
		command.Env = append(os.Environ(), fullDisk+"="+path)
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("%v:\n%s", err, out)
		}
		return
	}
	signal.Ignore(syscall.SIGXFSZ)
	s := open(t, path)
	kept := create(t, s, "kept")
	large, err := tenancy.NewMetadata(map[string]string{"x": strings.Repeat("x", 200_000)})
	if err != nil {
		t.Fatal(err)
	}
	changed := kept
	changed.Metadata = large
	writes := map[string]func(context.Context) error{
		"Create": func(ctx context.Context) error {
			_, err := s.Create(ctx, tenancy.Tenant{Identifier: "new", Name: "New", Metadata: large})
			return err
		},
		"Update": func(ctx context.Context) error {
			_, err := s.Update(ctx, changed)
			return err
		},
		"UpdateMetadata": func(ctx context.Context) error {
			_, err := s.UpdateMetadata(ctx, kept.ID, large)
			return err
		},
	}
	info, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	limit := func(bytes uint64) {
		t.Helper()
		var l syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
			t.Fatal(err)
		}
		l.Cur = min(bytes, l.Max)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
			t.Fatal(err)
		}
	}
	for _, room := range []uint64{0, 24, 4096, 100_000} {
		limit(uint64(info.Size()) + room)
		for name, write := range writes {
			err := write(t.Context())
			t.Logf("%s with room for %d bytes: %v", name, room, err)
			if !errors.Is(err, tenancy.ErrUnavailable) || !errors.Is(err, tenancy.ErrNotApplied) || !strings.Contains(err.Error(), "disk") {
				t.Errorf("%s with room for %d bytes: %v, want ErrNotApplied, and why", name, room, err)
			}
		}
		if got, err := s.GetByID(t.Context(), kept.ID); err != nil || got.Revision != kept.Revision || got.Metadata != kept.Metadata {
			t.Errorf("what was there has become %v, %v", got, err)
		}
	}
	limit(1 << 30)
	after := create(t, s, "after")
	if after.Revision != kept.Revision+1 {
		t.Errorf("the next revision is %d", after.Revision)
	}
	for _, s := range []tenancy.Store{s, open(t, path, bunsqlite.WithReaders(1))} {
		if n, err := s.Count(t.Context(), tenancy.Filter{}); n != 2 || err != nil {
			t.Errorf("there are %d tenants, %v", n, err)
		}
	}
}
