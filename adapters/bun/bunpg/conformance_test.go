package bunpg_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestConformance(t *testing.T) {
	for name, mode := range map[string]func(testing.TB) fixture{
		"direct": func(t testing.TB) fixture {
			dsn := newDatabase(t)
			return fixture{direct: dsn, dsn: dsn}
		},
		"transaction pooler, polling, other table": func(t testing.TB) fixture {
			dsn := newDatabase(t)
			pooler := newPooler(t, dsn, false)
			return fixture{direct: dsn, dsn: pooler.url, pooler: pooler, opts: []bunpg.Option{
				bunpg.WithPgBouncer(), bunpg.WithoutListen(), bunpg.WithStore(bunstore.WithTable("user")),
			}}
		},
	} {
		t.Run(name, func(t *testing.T) { storetest.Run(t, mode(t).harness()) })
	}
}

// fixture makes stores for the suite, each in a schema of its own.
type fixture struct {
	direct string  // for the test's own sessions
	dsn    string  // for the stores
	pooler *pooler // nil for none
	opts   []bunpg.Option
	stores *sync.Map // of tenancy.Store: stored
}

// stored is where and how a store was opened.
type stored struct {
	schema string
	opts   []bunstore.Option
}

func (f fixture) harness() storetest.Harness {
	f.stores = &sync.Map{}
	fresh := func(t testing.TB, opts ...bunstore.Option) tenancy.Store {
		return f.open(t, stored{"s" + strings.ReplaceAll(tenancy.NewID(), "-", ""), opts})
	}
	return storetest.Harness{
		Source:         true,
		Open:           func(t testing.TB) tenancy.Store { return fresh(t) },
		OpenSoftDelete: func(t testing.TB) tenancy.Store { return fresh(t, bunstore.WithSoftDelete()) },
		OpenChecked: func(t testing.TB, check func(tenancy.Metadata) error) tenancy.Store {
			return fresh(t, bunstore.WithMetadataCheck(check))
		},
		OpenNames: func(t testing.TB, o storetest.NameOptions) tenancy.Store {
			return fresh(t, bunstore.WithClaimLifetime(o.ClaimLifetime), bunstore.WithKeepFormer(o.KeepFormer))
		},
		Peer: func(t testing.TB, s tenancy.Store) tenancy.Store { return f.open(t, f.of(t, s)) },
		Reopen: func(t testing.TB, s tenancy.Store) tenancy.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return f.open(t, f.of(t, s))
		},
		Compact: func(t testing.TB, s tenancy.Store, revision tenancy.Revision) {
			if _, err := s.(*bunstore.Store).Compact(t.Context(), revision); err != nil {
				t.Fatal(err)
			}
		},
		Edit: func(t testing.TB, s tenancy.Store, e tenancy.Tenant) {
			conn := connect(t, f.direct)
			exec(t, conn, `SET search_path = `+f.of(t, s).schema)
			exec(t, conn, `UPDATE `+f.table(t, conn)+` SET identifier = $2, name = $3, status = $4 WHERE id = $1`,
				e.ID, e.Identifier, e.Name, string(e.Status))
		},
		Disconnect: func(t testing.TB, s tenancy.Store) {
			if f.pooler != nil {
				f.pooler.disconnect(f.of(t, s).schema)
				return
			}
			exec(t, connect(t, f.direct), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE application_name = $1`, f.of(t, s).schema)
		},
		Backup: func(t testing.TB, s tenancy.Store) func(testing.TB) {
			schema := f.of(t, s).schema
			dump := run(t, "", "pg_dump", "--dbname="+f.direct, "--schema="+schema, "--clean", "--if-exists")
			return func(t testing.TB) { psql(t, f.direct, dump, "--single-transaction") }
		},
	}
}

func (f fixture) of(t testing.TB, s tenancy.Store) stored {
	t.Helper()
	where, ok := f.stores.Load(s)
	if !ok {
		t.Fatal("not a store of this harness")
	}
	return where.(stored)
}

// table returns the quoted name of the only table of tenants in the search path.
func (f fixture) table(t testing.TB, conn *pgx.Conn) string {
	t.Helper()
	return one[string](t, conn, `SELECT quote_ident(table_name) FROM information_schema.columns
		WHERE table_schema = current_schema() AND column_name = 'name_folded'`)
}

// open opens a store whose sessions carry the schema as their name.
func (f fixture) open(t testing.TB, where stored) tenancy.Store {
	t.Helper()
	opts := append(f.opts[:len(f.opts):len(f.opts)], bunpg.WithStore(bunstore.WithSchema(where.schema)), bunpg.WithStore(where.opts...))
	store, err := bunpg.Open(context.Background(), f.dsn+"&application_name="+where.schema, opts...)
	if err != nil {
		t.Fatal(err)
	}
	f.stores.Store(tenancy.Store(store), where)
	return store
}
