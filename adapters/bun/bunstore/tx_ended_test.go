package bunstore_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"modernc.org/sqlite"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// interrupting is what the function test_interrupt of SQLite calls.
var interrupting atomic.Pointer[context.CancelFunc]

func init() {
	sqlite.MustRegisterScalarFunction("test_interrupt", 0, func(*sqlite.FunctionContext, []driver.Value) (driver.Value, error) {
		if cancel := interrupting.Load(); cancel != nil {
			(*cancel)()
		}
		return int64(1), nil
	})
}

// SQLite rolls back the whole transaction when a statement that writes is interrupted. What
// comes after it in the program must not be committed on its own.
func TestTxOfSQLiteThatWasInterrupted(t *testing.T) {
	db := sqliteDB(t, filepath.Join(t.TempDir(), "tenants.db"), "_pragma=journal_mode(WAL)", "_txlock=immediate")
	s := newStore(t, db)
	if _, err := db.DB.ExecContext(t.Context(), `CREATE TRIGGER endless AFTER INSERT ON tenants WHEN NEW.name = 'Endless' BEGIN
		SELECT count(*) FROM (WITH RECURSIVE n (i) AS (SELECT test_interrupt() UNION ALL SELECT i + 1 FROM n) SELECT i FROM n); END`); err != nil {
		t.Fatal(err)
	}
	err := db.RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
		in := within(t, s, tx)
		if _, err := in.Create(ctx, tenancy.Tenant{Identifier: "first", Name: "First"}); err != nil {
			t.Error(err)
		}
		call, cancel := context.WithCancel(ctx)
		defer cancel()
		interrupting.Store(&cancel)
		if _, err := in.Create(call, tenancy.Tenant{Identifier: "endless", Name: "Endless"}); !errors.Is(err, context.Canceled) || !errors.Is(err, tenancy.ErrNotApplied) {
			t.Errorf("Create that was interrupted: %v, want Canceled that is not applied", err)
		}
		if _, err := in.Create(ctx, acme()); !errors.Is(err, tenancy.ErrClosed) {
			t.Errorf("Create after it: %v, want ErrClosed", err)
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO tenants (identifier, name) VALUES ('hand', 'Hand')"); err == nil {
			t.Error("a statement of the program's succeeds in a transaction that has ended")
		}
		return errRollback
	})
	if !errors.Is(err, errRollback) {
		t.Error(err)
	}
	if page, err := s.List(t.Context(), tenancy.ListOptions{}); err != nil || len(page.Tenants) != 0 {
		t.Errorf("tenants %q, %v, want none", identifiers(page.Tenants), err)
	}
}

// panicking is a query hook that panics after each write of a status.
type panicking struct{ armed atomic.Bool }

func (*panicking) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (p *panicking) AfterQuery(_ context.Context, event *bun.QueryEvent) {
	if p.armed.Load() && strings.Contains(event.Query, " SET status = ") {
		panic("of a hook")
	}
}

// suspend has the hook panic in a write, and recovers.
func (p *panicking) suspend(t *testing.T, s tenancy.Store, id string) {
	t.Helper()
	p.armed.Store(true)
	defer func() {
		p.armed.Store(false)
		if recover() == nil {
			t.Error("the hook did not panic")
		}
	}()
	_, _ = s.SetStatus(t.Context(), id, tenancy.StatusSuspended)
}

// A write that panics has changed nothing, and the transaction goes on.
func TestTxGoesOnAfterAPanic(t *testing.T) {
	inTx(t, func(t *testing.T, db *bun.DB, s, other *bunstore.Store) {
		hook := &panicking{}
		var created tenancy.Tenant
		err := db.WithQueryHook(hook).RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) (err error) {
			in := within(t, s, tx)
			if created, err = in.Create(ctx, acme()); err != nil {
				return err
			}
			hook.suspend(t, in, created.ID)
			_, err = in.Create(ctx, tenancy.Tenant{Identifier: "other", Name: "Other"})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := other.GetByID(t.Context(), created.ID); err != nil || got != created {
			t.Errorf("after the commit: %+v, %v, want %+v", got, err, created)
		}
	})
}

// A query hook that panics costs the pool no connection.
func TestPanicOfAHookGivesTheConnectionBack(t *testing.T) {
	run := func(t *testing.T, db *bun.DB, opts ...bunstore.Option) {
		hook := &panicking{}
		s := newStore(t, db.WithQueryHook(hook), opts...)
		created, err := s.Create(t.Context(), acme())
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(1)
		hook.suspend(t, s, created.ID)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := s.SetStatus(ctx, created.ID, tenancy.StatusSuspended); err != nil {
			t.Errorf("after the panic: %v", err)
		}
	}
	each(t, func(t *testing.T, db *bun.DB) { run(t, db) })
	t.Run("postgres whose sessions are ready", func(t *testing.T) {
		run(t, postgresDBWith(t, newPostgres(t), "read committed"), bunstore.WithSessionDefaults())
	})
}
