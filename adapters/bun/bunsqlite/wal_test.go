package bunsqlite_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Readers of which one is always there keep SQLite from beginning its write-ahead log
// anew. It is emptied nevertheless.
func TestOverlappingReadersDoNotFillTheDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.db")
	s := open(t, path, bunsqlite.WithSynchronous(bunsqlite.Normal))
	acme := create(t, s, "acme")
	size := func() int64 {
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}

	readers := [2]*sql.Conn{shell(t, path), shell(t, path)}
	begin := func(reader *sql.Conn) {
		run(t, reader, "BEGIN")
		rows(t, reader, "SELECT count(*) FROM tenants")
	}
	begin(readers[0])
	overlap := func() {
		begin(readers[1])
		run(t, readers[0], "COMMIT")
		readers[0], readers[1] = readers[1], readers[0]
	}

	largest := int64(0)
	shrunk := func() bool {
		now := size()
		largest = max(largest, now)
		return largest > 30<<20 && now < largest/2
	}
	for i := 0; i < 300 && !shrunk(); i++ { // 39 MB
		if i%50 == 49 {
			overlap()
		}
		patch, err := tenancy.NewMetadata(map[string]string{"x": strings.Repeat(fmt.Sprintf("%04d", i), tenancy.MaxMetadataBytes/8)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.UpdateMetadata(t.Context(), acme.ID, patch); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(5 * time.Minute); !shrunk(); time.Sleep(100 * time.Millisecond) {
		overlap()
		if time.Now().After(deadline) {
			t.Fatalf("the log has %d bytes, had %d, and does not shrink", size(), largest)
		}
	}
}

// A backup that is copied over the file of a running store is a mistake. It costs
// errors, and not the process: SQLite does not map the file into memory.
func TestCopyOverALiveFile(t *testing.T) {
	dir := t.TempDir()
	path, backup := filepath.Join(dir, "tenants.db"), filepath.Join(dir, "backup.db")
	s := open(t, path)
	create(t, s, "acme")
	run(t, shell(t, path), "VACUUM INTO ?1", backup)
	for i := range 500 {
		create(t, s, "t"+tenancy.NewID()[20:])
		if i%100 == 0 {
			run(t, shell(t, path), "PRAGMA wal_checkpoint")
		}
	}
	old, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, old, 0o600); err != nil { // truncates, then writes
		t.Fatal(err)
	}
	for range 3 {
		_, listErr := s.List(t.Context(), tenancy.ListOptions{Limit: 1000})
		_, searchErr := s.Search(t.Context(), "name", tenancy.SearchOptions{})
		_, writeErr := s.Create(t.Context(), tenancy.Tenant{Identifier: "later", Name: "Later"})
		t.Log(listErr, searchErr, writeErr) // whatever they say, the process lives
	}
}
