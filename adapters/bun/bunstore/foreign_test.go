package bunstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	bundialect "github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/dialect/mysqldialect"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"go.uber.org/goleak"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// These tests are about a *bun.DB that the user brings, set up as badly as a
// user may.

// sqliteDB opens a pool with the driver's defaults: deferred transactions,
// rollback journal, no busy_timeout. It syncs nothing and keeps its
// connections, for speed.
func sqliteDB(tb testing.TB, path string, params ...string) *bun.DB {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?"+strings.Join(append(params, "_pragma=synchronous(OFF)"), "&"))
	if err != nil {
		tb.Fatal(err)
	}
	db.SetMaxIdleConns(32) // opening one takes long
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return bun.NewDB(db, sqlitedialect.New())
}

// postgresDB opens a pool whose sessions are SERIALIZABLE and wait for locks for
// ever.
func postgresDB(tb testing.TB, dsn string) *bun.DB {
	tb.Helper()
	return postgresDBWith(tb, dsn, "serializable")
}

func postgresDBWith(tb testing.TB, dsn, isolation string) *bun.DB {
	tb.Helper()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		tb.Fatal("the connection string cannot be read")
	}
	config.RuntimeParams["default_transaction_isolation"] = isolation
	db := stdlib.OpenDB(*config)
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return bun.NewDB(db, pgdialect.New())
}

// mysqlDB opens a pool with the parameters that most examples have, of sessions that are
// REPEATABLE READ and have other ideas of SQL, in a database whose texts are latin1.
func mysqlDB(tb testing.TB, dsn string) *bun.DB {
	tb.Helper()
	return mysqlDBWith(tb, dsn, "parseTime=True&loc=Local&multiStatements=true&sql_mode='ANSI,NO_BACKSLASH_ESCAPES'&time_zone='%2B05:45'")
}

func mysqlDBWith(tb testing.TB, dsn, params string) *bun.DB {
	tb.Helper()
	db, err := sql.Open("mysql", dsn+"?"+params)
	if err != nil {
		tb.Fatal("the DSN cannot be read")
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return bun.NewDB(db, mysqldialect.New())
}

func newStore(tb testing.TB, db *bun.DB, opts ...bunstore.Option) *bunstore.Store {
	tb.Helper()
	s, err := bunstore.New(db, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	if err := s.Migrate(tb.Context()); err != nil {
		tb.Fatalf("Migrate: %v", err)
	}
	return s
}

// each runs the test on a database of each kind.
func each(t *testing.T, test func(t *testing.T, db *bun.DB)) {
	eachIndexed(t, test)
	t.Run("mysql", func(t *testing.T) { test(t, mysqlDB(t, newMySQL(t))) })
}

// eachIndexed runs the test on a database of each kind that has a search index.
func eachIndexed(t *testing.T, test func(t *testing.T, db *bun.DB)) {
	t.Run("sqlite", func(t *testing.T) {
		test(t, sqliteDB(t, filepath.Join(t.TempDir(), "tenants.db")))
	})
	t.Run("postgres", func(t *testing.T) { test(t, postgresDB(t, newPostgres(t))) })
}

// A pool that the program has made, a search index, and columns that a newer version has
// added: in a rolling upgrade, processes of the old version go on with such a schema.
func TestConformanceOnForeignPools(t *testing.T) {
	run := func(t *testing.T, open func(tb testing.TB) *bun.DB) {
		var stores atomic.Int64
		fresh := func(opts ...bunstore.Option) func(testing.TB) tenancy.Store {
			return func(tb testing.TB) tenancy.Store {
				table := fmt.Sprint("t", stores.Add(1))
				db, text := open(tb), "VARCHAR(9)"
				opts := append(opts[:len(opts):len(opts)], bunstore.WithTable(table))
				if db.Dialect().Name() != bundialect.MySQL { // which has no search index
					text, opts = "TEXT", append(opts, bunstore.WithSampleShare(0))
				}
				s := newStore(tb, db, opts...)
				for _, suffix := range []string{"", "_names", "_changes", "_schema"} {
					execNow(tb, db, "ALTER TABLE "+table+suffix+" ADD COLUMN added "+text+" NOT NULL DEFAULT 'x'")
				}
				return s
			}
		}
		storetest.Run(t, storetest.Harness{
			Source: true, Open: fresh(), OpenSoftDelete: fresh(bunstore.WithSoftDelete()),
			OpenChecked: func(tb testing.TB, check func(tenancy.Metadata) error) tenancy.Store {
				return fresh(bunstore.WithMetadataCheck(check))(tb)
			},
			OpenNames: func(tb testing.TB, o storetest.NameOptions) tenancy.Store {
				return fresh(bunstore.WithClaimLifetime(o.ClaimLifetime), bunstore.WithKeepFormer(o.KeepFormer))(tb)
			},
		})
	}
	t.Run("sqlite", func(t *testing.T) {
		run(t, func(tb testing.TB) *bun.DB {
			return sqliteDB(tb, filepath.Join(tb.TempDir(), "tenants.db"))
		})
	})
	t.Run("postgres", func(t *testing.T) {
		db := postgresDB(t, newPostgres(t))
		run(t, func(testing.TB) *bun.DB { return db })
	})
	t.Run("mysql", func(t *testing.T) {
		db := mysqlDB(t, newMySQL(t))
		run(t, func(testing.TB) *bun.DB { return db })
	})
}

func TestCloseLeavesTheCallersPoolOpen(t *testing.T) {
	each(t, func(t *testing.T, db *bun.DB) {
		ctx := t.Context()
		closed := 0
		s := newStore(t, db, bunstore.WithOnClose(func() error { closed++; return nil }))
		for range 2 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if closed != 1 {
			t.Errorf("WithOnClose was called %d times", closed)
		}
		if err := db.PingContext(ctx); err != nil {
			t.Errorf("the caller's pool: %v", err)
		}
		_, trimErr := s.Trim(ctx)
		_, compactErr := s.Compact(ctx, 5)
		_, resealErr := s.Reseal(ctx)
		for name, err := range map[string]error{
			"Migrate": s.Migrate(ctx), "Trim": trimErr, "Compact": compactErr, "Reseal": resealErr, "DropSearchIndex": s.DropSearchIndex(ctx),
		} {
			if !errors.Is(err, tenancy.ErrClosed) {
				t.Errorf("%s after Close: %v", name, err)
			}
		}
	})
}

func TestCloseReportsWhatItCouldNotClose(t *testing.T) {
	broken := errors.New("broken")
	s, err := bunstore.New(sqliteDB(t, filepath.Join(t.TempDir(), "tenants.db")), bunstore.WithOnClose(func() error { return broken }))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); !errors.Is(err, broken) {
		t.Errorf("err = %v", err)
	}
}

// A listener runs from the first Wait to Close, once, and wakes every watcher
// long before the poll.
func TestListener(t *testing.T) {
	running := make(chan string, 2)
	wakeStore := make(chan func(), 2)
	stopped := make(chan struct{})
	path := filepath.Join(t.TempDir(), "tenants.db")
	s := newStore(t, sqliteDB(t, path), bunstore.WithPollInterval(time.Hour),
		bunstore.WithListener(func(ctx context.Context, channel string, wake func()) {
			defer close(stopped)
			running <- channel
			wakeStore <- wake
			<-ctx.Done()
		}))
	head, err := s.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(running) != 0 {
		t.Fatal("runs before the first Wait")
	}
	var watchers sync.WaitGroup
	for range 2 {
		watchers.Go(func() {
			for c, err := range tenancy.Watch(t.Context(), s, head.Newest) {
				if err != nil {
					t.Errorf("Watch: %v", err)
				} else if c.Kind != tenancy.ChangeCreate {
					t.Errorf("saw %v", c)
				}
				return
			}
		})
	}
	if got := <-running; got != "public.tenants" {
		t.Errorf("channel = %q", got)
	}
	wake := <-wakeStore
	other := newStore(t, sqliteDB(t, path)) // another process, for all that s knows
	if _, err := other.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	wake()
	watchers.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-stopped:
	default:
		t.Error("Close did not wait for the listener")
	}
	if len(running) != 0 {
		t.Error("the listener ran twice")
	}
}
