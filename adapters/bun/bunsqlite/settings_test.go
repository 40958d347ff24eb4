package bunsqlite

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// Every connection is set up as the documentation says, also one that the pool
// opens later.
func TestConnectionSettings(t *testing.T) {
	for _, c := range []struct {
		opts   []Option
		reader bool
		want   string
	}{
		{nil, false, "wal 2 0 0 250"},
		{nil, true, "wal 2 0 1 250"},
		{[]Option{WithSynchronous(Normal), WithMmapSize(1 << 20), WithBusyTimeout(time.Second)}, false, "wal 1 1048576 0 1000"},
	} {
		path := filepath.Join(t.TempDir(), "tenants.db")
		db, err := pool(newConfig(c.opts).dsn(path, c.reader), 2)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		for range 2 {
			conn, err := db.Conn(t.Context()) // held, so that the next one is another
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			got := ""
			for _, name := range []string{"journal_mode", "synchronous", "mmap_size", "query_only", "busy_timeout"} {
				var value any
				if err := conn.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&value); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				got += fmt.Sprintf(" %v", value)
			}
			if got[1:] != c.want {
				t.Errorf("reader %t: settings %s, want %s", c.reader, got[1:], c.want)
			}
		}
	}
}

// A transaction takes the write lock when it begins: one that read first could lose
// it to another process, and all that it did.
func TestTransactionsAreImmediate(t *testing.T) {
	db, err := pool(newConfig([]Option{WithBusyTimeout(0)}).dsn(filepath.Join(t.TempDir(), "tenants.db"), false), 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := db.BeginTx(t.Context(), nil); err == nil {
		_ = second.Rollback()
		t.Error("two transactions began at once")
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
}
