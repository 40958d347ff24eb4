package bunsqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// shell is a connection of its own, as that of another process.
func shell(tb testing.TB, path string) *sql.Conn {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(300000)")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	conn, err := db.Conn(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return conn
}

func run(tb testing.TB, conn *sql.Conn, text string, args ...any) {
	tb.Helper()
	if _, err := conn.ExecContext(context.WithoutCancel(tb.Context()), text, args...); err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
}

func TestBlockedWriteEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.db")
	s := open(t, path)
	create(t, s, "before")
	other := shell(t, path)
	run(t, other, "BEGIN IMMEDIATE")

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := s.Create(ctx, tenancy.Tenant{Identifier: "blocked", Name: "Blocked"})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Create: %v", err)
	}
	if _, err := s.GetByIdentifier(t.Context(), "before"); err != nil {
		t.Errorf("a read beside the writer: %v", err)
	}
	run(t, other, "ROLLBACK")
	if _, err := s.GetByIdentifier(t.Context(), "blocked"); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("what failed is there: %v", err)
	}
	create(t, s, "after")
}

func TestBlockedWriteGivesUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.db")
	s := open(t, path, bunsqlite.WithBusyTimeout(time.Millisecond), bunsqlite.WithStore(bunstore.WithRetryTimeout(50*time.Millisecond)))
	other := shell(t, path)
	run(t, other, "BEGIN IMMEDIATE")
	if _, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "blocked", Name: "Blocked"}); !errors.Is(err, tenancy.ErrUnavailable) {
		t.Errorf("Create: %v", err)
	}
	run(t, other, "ROLLBACK")
	create(t, open(t, path), "after") // in more than 50 ms, if need be
}

func TestBlockedWriteGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.db")
	s := open(t, path, bunsqlite.WithBusyTimeout(time.Millisecond), bunsqlite.WithStore(bunstore.WithRetryTimeout(5*time.Minute)))
	other := shell(t, path)
	run(t, other, "BEGIN IMMEDIATE")
	done := make(chan error, 1)
	go func() {
		_, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "blocked", Name: "Blocked"})
		done <- err
	}()
	select {
	case err := <-done:
		t.Errorf("Create returned while another wrote: %v", err)
	case <-time.After(50 * time.Millisecond): // many attempts
	}
	run(t, other, "COMMIT")
	if err := <-done; err != nil {
		t.Errorf("Create: %v", err)
	}
}

// Only a file that nobody else uses can be switched to WAL. One that is in WAL mode
// already can be opened beside a reader.
func TestOpenBesideAReader(t *testing.T) {
	for mode, ok := range map[string]bool{"DELETE": false, "WAL": true} {
		path := filepath.Join(t.TempDir(), "tenants.db")
		other := shell(t, path)
		for _, text := range []string{"PRAGMA journal_mode = " + mode, "CREATE TABLE other (n)", "BEGIN"} {
			run(t, other, text)
		}
		if err := other.QueryRowContext(t.Context(), "SELECT count(*) FROM other").Scan(new(int)); err != nil {
			t.Fatal(err)
		}
		var opts []bunsqlite.Option
		if !ok {
			opts = []bunsqlite.Option{bunsqlite.WithBusyTimeout(time.Millisecond), bunsqlite.WithStore(bunstore.WithRetryTimeout(50 * time.Millisecond))}
		}
		s, err := bunsqlite.Open(t.Context(), path, opts...)
		if err == nil {
			_ = s.Close()
		}
		if (err == nil) != ok {
			t.Errorf("%s: %v", mode, err)
		}
		if !ok {
			if !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "switched to WAL") {
				t.Errorf("%s: %v, want ErrUnavailable that says what to do", mode, err)
			}
			run(t, other, "COMMIT")
			open(t, path)
		}
	}
}

// Four stores, as four processes, with four writers each.
func TestManyWritersOnOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.db")
	const stores, writers, writes = 4, 4, 10
	opts := []bunsqlite.Option{bunsqlite.WithSynchronous(bunsqlite.Normal), bunsqlite.WithStore(bunstore.WithRetryTimeout(time.Minute))}
	first := open(t, path, opts...)
	var group sync.WaitGroup
	for i := range stores {
		s := open(t, path, opts...)
		for j := range writers {
			group.Go(func() {
				for k := range writes {
					created, err := s.Create(t.Context(), tenancy.Tenant{Identifier: fmt.Sprintf("t-%d-%d-%d", i, j, k), Name: "Name"})
					if err == nil {
						_, err = s.SetStatus(t.Context(), created.ID, tenancy.StatusSuspended)
					}
					if err != nil {
						t.Errorf("write: %v", err)
						return
					}
				}
			})
		}
	}
	group.Wait()
	changes, err := first.Changes(t.Context(), tenancy.Position{}, tenancy.MaxChangesLimit)
	if err != nil { // a gap would be ErrCompacted
		t.Fatal(err)
	}
	if want := 1 + stores*writers*writes*2; len(changes) != want {
		t.Errorf("the log holds %d changes, want %d", len(changes), want)
	}
}
