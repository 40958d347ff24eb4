//go:build unix

package processes

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// createSome makes the history of s longer and returns its newest position.
func createSome(t *testing.T, s tenancy.Source, name string, n int) tenancy.Position {
	t.Helper()
	for i := range n {
		id := fmt.Sprintf("%s-%d", name, i)
		_, err := ask(func() (tenancy.Tenant, error) {
			created, err := s.Create(t.Context(), tenancy.Tenant{ID: id, Identifier: id, Name: name})
			if errors.Is(err, tenancy.ErrAlreadyExists) {
				return s.GetByID(t.Context(), id) // the attempt before has made it
			}
			return created, err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return newest(t, s)
}

// ask asks again while the store is unavailable: a pool may still hold sessions
// of the server that was stopped.
func ask[T any](question func() (T, error)) (answer T, err error) {
	for late := time.Now().Add(patience); time.Now().Before(late); {
		if answer, err = question(); !errors.Is(err, tenancy.ErrUnavailable) {
			return answer, err
		}
	}
	return answer, err
}

func newest(t *testing.T, s tenancy.Source) tenancy.Position {
	t.Helper()
	head, err := ask(func() (tenancy.Bounds, error) { return s.Bounds(t.Context()) })
	if err != nil {
		t.Fatal(err)
	}
	return head.Newest
}

// checkWentBack checks that s, the store at where, restored to a state before lost, denies that
// position: at once, and also when the history has grown past its revision
// again.
func checkWentBack(t *testing.T, where string, s tenancy.Source, lost tenancy.Position, watched watcher) {
	t.Helper()
	watched.compacted(t)
	if now := newest(t, s); now.Revision >= lost.Revision {
		t.Fatalf("newest position is %v, want one before %v", now, lost)
	}
	denied := func(when string) {
		t.Helper()
		_, err := ask(func() ([]tenancy.Change, error) { return s.Changes(t.Context(), lost, 0) })
		if !errors.Is(err, tenancy.ErrCompacted) {
			t.Errorf("Changes after the lost position %s: %v, want ErrCompacted", when, err)
		}
		watch(t, s, lost).compacted(t)
	}
	denied("when the log is shorter")
	key := tenancy.IDKey("kept-0")
	load := func(want ...tenancy.Lookup) ([]tenancy.Versioned, error) {
		return ask(func() ([]tenancy.Versioned, error) { return s.Load(t.Context(), want) })
	}
	if _, err := load(tenancy.Lookup{Key: key, Min: lost.Revision}); !errors.Is(err, tenancy.ErrCompacted) {
		t.Errorf("Load beyond the newest revision: %v, want ErrCompacted", err)
	}
	createSome(t, s, "other", 20)
	denied("when the log is longer")
	snapshots, err := load(
		tenancy.Lookup{Key: key, Min: lost.Revision},
		tenancy.Lookup{Key: tenancy.IDKey("lost-0"), Min: tenancy.Latest},
	)
	if err != nil || !snapshots[0].Found || snapshots[1].Found {
		t.Errorf("Load in the new history: %+v, %v", snapshots, err)
	}
	readHistory(t, openFor(t, where))
}

// compacted waits for the end of the watch, which must be ErrCompacted.
func (w watcher) compacted(t *testing.T) {
	t.Helper()
	select {
	case err := <-w.failed:
		if !errors.Is(err, tenancy.ErrCompacted) {
			t.Errorf("the watch ended with %v, want ErrCompacted", err)
		}
	case <-time.After(patience):
		t.Error("the watch goes on")
	}
}

// TestRestoredSQLite puts older content into a database that is open, as the
// sqlite3 shell's .restore does.
func TestRestoredSQLite(t *testing.T) {
	dir := t.TempDir()
	path, backup := filepath.Join(dir, "tenants.db"), filepath.Join(dir, "backup.db")
	s := openFor(t, path)
	createSome(t, s, "kept", 5)
	if err := servers.BackupSQLite(t.Context(), path, backup); err != nil {
		t.Fatal(err)
	}
	lost := createSome(t, s, "lost", 5)
	watched := watch(t, s, tenancy.Position{})
	watched.until(t, lost)

	if err := servers.RestoreSQLite(t.Context(), path, backup); err != nil {
		t.Fatal(err)
	}
	checkWentBack(t, path, s, lost, watched)
}

// TestReplacedSQLite puts an older file in the place of a database while nobody
// has it open.
func TestReplacedSQLite(t *testing.T) {
	dir := t.TempDir()
	path, backup := filepath.Join(dir, "tenants.db"), filepath.Join(dir, "backup.db")
	s, err := open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	createSome(t, s, "kept", 5)
	if err := servers.BackupSQLite(t.Context(), path, backup); err != nil {
		t.Fatal(err)
	}
	lost := createSome(t, s, "lost", 5)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(backup, path); err != nil {
		t.Fatal(err)
	}
	s = openFor(t, path)
	checkWentBack(t, path, s, lost, watch(t, s, lost))
}

// TestRestoredPostgres puts an older data directory under a server, while the
// store stays open.
func TestRestoredPostgres(t *testing.T) {
	server := servers.NewPostgres(t, servers.PostgresOptions{})
	s := openFor(t, server.DSN())
	createSome(t, s, "kept", 5)
	restart := func(while func() error) {
		t.Helper()
		if err := errors.Join(server.Stop(), while(), server.Start(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	var backup servers.Backup
	restart(func() (err error) {
		backup, err = server.Backup()
		return err
	})
	lost := createSome(t, s, "lost", 5)
	watched := watch(t, s, tenancy.Position{})
	watched.until(t, lost)

	restart(func() error { return server.Restore(backup) })
	checkWentBack(t, server.DSN(), s, lost, watched)
}
