package bunsqlite_test

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"modernc.org/sqlite"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// files remembers which file each store of a harness keeps its tenants in.
type files struct{ paths sync.Map }

func (f *files) open(tb testing.TB, path string, opts ...bunsqlite.Option) tenancy.Store {
	tb.Helper()
	s, err := bunsqlite.Open(tb.Context(), path, opts...)
	if err != nil {
		tb.Fatalf("Open: %v", err)
	}
	f.paths.Store(s, path)
	return s
}

func (f *files) path(tb testing.TB, s tenancy.Store) string {
	tb.Helper()
	path, ok := f.paths.Load(s)
	if !ok {
		tb.Fatal("not a store of this harness")
	}
	return path.(string)
}

func compact(tb testing.TB, s tenancy.Store, revision tenancy.Revision) {
	tb.Helper()
	if _, err := s.(*bunstore.Store).Compact(tb.Context(), revision); err != nil {
		tb.Fatalf("Compact: %v", err)
	}
}

func TestConformanceFile(t *testing.T) {
	var f files
	fresh := func(tb testing.TB) string { return filepath.Join(tb.TempDir(), "tenants.db") }
	normal := bunsqlite.WithSynchronous(bunsqlite.Normal) // the suite writes a lot
	storetest.Run(t, storetest.Harness{
		Source:   true,
		Patience: time.Minute, // the race detector makes SQLite slow
		Open:     func(tb testing.TB) tenancy.Store { return f.open(tb, fresh(tb), normal) },
		OpenSoftDelete: func(tb testing.TB) tenancy.Store {
			return f.open(tb, fresh(tb), normal, bunsqlite.WithStore(bunstore.WithSoftDelete()))
		},
		OpenChecked: func(tb testing.TB, check func(tenancy.Metadata) error) tenancy.Store {
			return f.open(tb, fresh(tb), normal, bunsqlite.WithStore(bunstore.WithMetadataCheck(check)))
		},
		OpenNames: func(tb testing.TB, o storetest.NameOptions) tenancy.Store {
			return f.open(tb, fresh(tb), normal, bunsqlite.WithStore(bunstore.WithClaimLifetime(o.ClaimLifetime), bunstore.WithKeepFormer(o.KeepFormer)))
		},
		Compact: compact,
		Reopen: func(tb testing.TB, s tenancy.Store) tenancy.Store {
			if err := s.Close(); err != nil {
				tb.Fatalf("Close: %v", err)
			}
			return f.open(tb, f.path(tb, s), normal)
		},
		Peer: func(tb testing.TB, s tenancy.Store) tenancy.Store { return f.open(tb, f.path(tb, s), normal) },
		Backup: func(tb testing.TB, s tenancy.Store) func(testing.TB) {
			path, copied := f.path(tb, s), fresh(tb)
			run(tb, shell(tb, path), "VACUUM INTO ?1", copied)
			return func(tb testing.TB) { restore(tb, path, copied) }
		},
		Edit: func(tb testing.TB, s tenancy.Store, t tenancy.Tenant) { edit(tb, f.path(tb, s), t) },
	})
}

func BenchmarkStore(b *testing.B) {
	var f files
	storetest.Bench(b, storetest.Harness{
		Source: true,
		Open:   func(tb testing.TB) tenancy.Store { return f.open(tb, filepath.Join(tb.TempDir(), "tenants.db")) },
	})
}

func TestConformanceMemory(t *testing.T) {
	var f files
	storetest.Run(t, storetest.Harness{
		Source:   true,
		Patience: time.Minute, // the race detector makes SQLite slow
		Open:     func(tb testing.TB) tenancy.Store { return f.open(tb, bunsqlite.Memory) },
		OpenSoftDelete: func(tb testing.TB) tenancy.Store {
			return f.open(tb, bunsqlite.Memory, bunsqlite.WithStore(bunstore.WithTable("customers"), bunstore.WithSoftDelete()))
		},
		OpenChecked: func(tb testing.TB, check func(tenancy.Metadata) error) tenancy.Store {
			return f.open(tb, bunsqlite.Memory, bunsqlite.WithStore(bunstore.WithMetadataCheck(check)))
		},
		OpenNames: func(tb testing.TB, o storetest.NameOptions) tenancy.Store {
			return f.open(tb, bunsqlite.Memory, bunsqlite.WithStore(bunstore.WithTable("customers"), bunstore.WithClaimLifetime(o.ClaimLifetime), bunstore.WithKeepFormer(o.KeepFormer)))
		},
		Compact: compact,
	})
}

// restore puts the pages of another file in the place of those at path, as the
// shell's .restore does.
func restore(tb testing.TB, path, from string) {
	tb.Helper()
	err := shell(tb, path).Raw(func(conn any) error {
		r, err := conn.(interface {
			NewRestore(source string) (*sqlite.Backup, error)
		}).NewRestore(from)
		if err != nil {
			return err
		}
		more, err := r.Step(-1)
		if more {
			err = errors.Join(err, errors.New("restored in part"))
		}
		return errors.Join(err, r.Finish())
	})
	if err != nil {
		tb.Fatalf("restore: %v", err)
	}
}

// edit changes a row as a person would, on a connection that knows nothing of
// the store.
func edit(tb testing.TB, path string, t tenancy.Tenant) {
	tb.Helper()
	run(tb, shell(tb, path), "UPDATE tenants SET identifier = ?2, name = ?3, status = ?4 WHERE id = ?1", t.ID, t.Identifier, t.Name, string(t.Status))
}
