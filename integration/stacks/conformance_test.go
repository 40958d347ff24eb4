//go:build unix

package stacks

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunmysql"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// TestConformance runs the suite on stacks, each as if it were a store: the usual one on
// every database; with -full, every stack on every database, and on Redis too. One cache
// alone is tested in the package that it comes from.
func TestConformance(t *testing.T) {
	usual := arrangement{local, shared}
	for name, open := range map[string]func(*testing.T) database{
		"memstore": inMemory, "sqlite": inSQLite, "postgres": inPostgres, "mysql": inMySQL,
	} {
		t.Run(name, func(t *testing.T) {
			for _, a := range arrangements {
				if !*full && a.String() != usual.String() {
					continue
				}
				t.Run(a.String(), func(t *testing.T) { storetest.Run(t, harness(a, servers.ValkeyEnv, open(t))) })
			}
			if *full {
				t.Run("redis", func(t *testing.T) { storetest.Run(t, harness(usual, servers.RedisEnv, open(t))) })
			}
		})
	}
}

// database is where the stores of a harness keep their tenants.
type database struct {
	// open opens a store at a place; anew is false for one that exists.
	open func(tb testing.TB, at place, anew bool) tenancy.Store
	// reopens says that a store can be closed and opened again.
	reopens bool
	compact func(tb testing.TB, s tenancy.Store, revision tenancy.Revision)
	backup  func(tb testing.TB, s tenancy.Store) func(testing.TB)
	edit    func(tb testing.TB, at place, t tenancy.Tenant)
	cut     func(tb testing.TB, at place)
}

// place is what stores on the same data share.
type place struct {
	name  string
	soft  bool
	check func(tenancy.Metadata) error
	names storetest.NameOptions
	mem   *memstore.Store
	path  string
}

// options are those of a store in a database.
func (at place) options() []bunstore.Option {
	return append(softly(bunstore.WithSoftDelete, at.soft), bunstore.WithMetadataCheck(at.check),
		bunstore.WithClaimLifetime(at.names.ClaimLifetime), bunstore.WithKeepFormer(at.names.KeepFormer))
}

// harness makes stacks of a on stores of d. It remembers the place of each by the
// store at the bottom.
func harness(a arrangement, env string, d database) storetest.Harness {
	var places sync.Map
	of := func(tb testing.TB, s tenancy.Store) place {
		tb.Helper()
		at, ok := places.Load(bottom(s))
		if !ok {
			tb.Fatal("not a stack of this harness")
		}
		return at.(place)
	}
	open := func(tb testing.TB, at place, anew bool) tenancy.Store {
		tb.Helper()
		if at.mem == nil && anew {
			at.path = filepath.Join(tb.TempDir(), "tenants.db")
			at.mem = memstore.New(append(softly(memstore.WithSoftDelete, at.soft), memstore.WithMetadataCheck(at.check),
				memstore.WithClaimLifetime(at.names.ClaimLifetime), memstore.WithKeepFormer(at.names.KeepFormer))...)
		}
		addr := server(tb, env) // skips, before there is a store to close
		s := d.open(tb, at, anew)
		places.Store(s, at)
		return a.build(tb, s, addr, at.name)
	}
	fresh := func(tb testing.TB, at place) tenancy.Store {
		at.name = "s" + strings.ToLower(rand.Text())
		return open(tb, at, true)
	}
	h := storetest.Harness{
		Open:           func(tb testing.TB) tenancy.Store { return fresh(tb, place{}) },
		OpenSoftDelete: func(tb testing.TB) tenancy.Store { return fresh(tb, place{soft: true}) },
		OpenChecked: func(tb testing.TB, check func(tenancy.Metadata) error) tenancy.Store {
			return fresh(tb, place{check: check})
		},
		OpenNames: func(tb testing.TB, opts storetest.NameOptions) tenancy.Store { return fresh(tb, place{names: opts}) },
		Source:    true, Patience: patience,
		Peer: func(tb testing.TB, s tenancy.Store) tenancy.Store { return open(tb, of(tb, s), false) },
		Compact: func(tb testing.TB, s tenancy.Store, revision tenancy.Revision) {
			d.compact(tb, bottom(s), revision)
		},
	}
	if d.reopens {
		h.Reopen = func(tb testing.TB, s tenancy.Store) tenancy.Store {
			if err := s.Close(); err != nil {
				tb.Fatal(err)
			}
			return open(tb, of(tb, s), false)
		}
	}
	if d.backup != nil {
		h.Backup = func(tb testing.TB, s tenancy.Store) func(testing.TB) { return d.backup(tb, bottom(s)) }
	}
	if d.edit != nil {
		h.Edit = func(tb testing.TB, s tenancy.Store, t tenancy.Tenant) { d.edit(tb, of(tb, s), t) }
	}
	if d.cut != nil {
		h.Disconnect = func(tb testing.TB, s tenancy.Store) { d.cut(tb, of(tb, s)) }
	}
	return h
}

func softly[O any](option func() O, soft bool) []O {
	if soft {
		return []O{option()}
	}
	return nil
}

// server returns the address of a server that tests share.
func server(tb testing.TB, env string) string {
	tb.Helper()
	addr := os.Getenv(env)
	switch {
	case addr != "":
	case servers.Required():
		tb.Fatalf("%s is not set, and servers are required: run make test", env)
	default:
		tb.Skipf("needs a server: run make test, or set %s to its host:port", env)
	}
	return addr
}

// peer is a second handle on a store in memory: closing it leaves the store open.
type peer struct{ *memstore.Store }

func (*peer) Close() error { return nil }

func inMemory(*testing.T) database {
	memory := func(s tenancy.Store) *memstore.Store {
		if p, ok := s.(*peer); ok {
			return p.Store
		}
		return s.(*memstore.Store)
	}
	return database{
		open: func(_ testing.TB, at place, anew bool) tenancy.Store {
			if anew {
				return at.mem
			}
			return &peer{at.mem}
		},
		compact: func(_ testing.TB, s tenancy.Store, revision tenancy.Revision) { memory(s).Compact(revision) },
		backup: func(_ testing.TB, s tenancy.Store) func(testing.TB) {
			backup := memory(s).Backup()
			return func(testing.TB) { memory(s).Restore(backup) }
		},
	}
}

func compactSQL(tb testing.TB, s tenancy.Store, revision tenancy.Revision) {
	tb.Helper()
	if _, err := s.(*bunstore.Store).Compact(tb.Context(), revision); err != nil {
		tb.Fatal(err)
	}
}

func inSQLite(*testing.T) database {
	return database{
		open: func(tb testing.TB, at place, _ bool) tenancy.Store {
			s, err := bunsqlite.Open(tb.Context(), at.path, bunsqlite.WithSynchronous(bunsqlite.Normal),
				bunsqlite.WithStore(at.options()...))
			return must(tb, s, err)
		},
		reopens: true,
		compact: compactSQL,
	}
}

func inPostgres(t *testing.T) database {
	dsn := servers.NewDatabase(t)
	return database{
		open: func(tb testing.TB, at place, _ bool) tenancy.Store {
			s, err := bunpg.Open(tb.Context(), dsn+"&application_name="+at.name, bunpg.WithStore(bunstore.WithSchema(at.name)),
				bunpg.WithStore(at.options()...))
			return must(tb, s, err)
		},
		reopens: true,
		compact: compactSQL,
		edit: func(tb testing.TB, at place, t tenancy.Tenant) {
			execute(tb, dsn, "UPDATE "+at.name+".tenants SET identifier = $2, name = $3, status = $4 WHERE id = $1",
				t.ID, t.Identifier, t.Name, string(t.Status))
		},
		cut: func(tb testing.TB, at place) {
			execute(tb, dsn, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", at.name)
		},
	}
}

// inMySQL gives each store a database of its own: sessions are ended by their database.
func inMySQL(*testing.T) database {
	stores := &sync.Map{} // databases by the name of a place
	of := func(at place) string {
		own, _ := stores.Load(at.name)
		return own.(string)
	}
	return database{
		open: func(tb testing.TB, at place, anew bool) tenancy.Store {
			if anew {
				stores.Store(at.name, servers.NewMySQLDatabase(tb))
			}
			s, err := bunmysql.Open(tb.Context(), of(at), bunmysql.WithStore(at.options()...))
			return must(tb, s, err)
		},
		reopens: true,
		compact: compactSQL,
		edit: func(tb testing.TB, at place, t tenancy.Tenant) {
			db, err := servers.OpenMySQL(of(at))
			if err != nil {
				tb.Fatal(err)
			}
			_, err = db.ExecContext(tb.Context(), "UPDATE tenants SET identifier = ?, name = ?, status = ? WHERE id = ?", t.Identifier, t.Name, string(t.Status), t.ID)
			if err = errors.Join(err, db.Close()); err != nil {
				tb.Fatal(err)
			}
		},
		cut: func(tb testing.TB, at place) {
			if err := servers.EndMySQLSessions(tb.Context(), of(at)); err != nil {
				tb.Fatal(err)
			}
		},
	}
}

// execute runs one statement on a connection of its own, as somebody with psql
// would.
func execute(tb testing.TB, dsn, statement string, args ...any) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		tb.Fatal(err)
	}
	_, err = conn.Exec(ctx, statement, args...)
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		tb.Fatal(err)
	}
}
