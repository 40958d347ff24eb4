package bunstore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// Tx returns the store in a transaction that the program has begun in the database of s, so
// that a tenant and rows of other tables are written together or not at all, and become
// visible together.
//
//	err := db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
//		tenants, err := store.Tx(tx)
//		if err != nil {
//			return err
//		}
//		acme, err := tenants.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"})
//		if err != nil {
//			return err
//		}
//		_, err = tx.NewInsert().Model(&User{TenantID: acme.ID}).Exec(ctx)
//		return err
//	})
//
// Its reads see the writes of the transaction. The change log has them from the commit on.
// Followers and caches in all processes see them after a notification or the poll interval;
// those of this process see them at once after [Store.RunInTx], and [tenancy.Fresh] in any
// case. A rollback leaves no trace.
//
// A write that fails has changed nothing, which [tenancy.ErrNotApplied] says of outages, and
// the transaction goes on: each write has a savepoint. Only a CreateBatch that fails may have
// created some of its tenants. Where the savepoint is gone, the store
// rolls the transaction back: SQLite gives up all of it when a write is interrupted by its
// context or the disk is full. Nothing is tried again. In PostgreSQL, a write that finds a row
// locked fails with [tenancy.ErrUnavailable]; it waits for other writers of tenants, as long as
// the transaction's lock_timeout allows. In SQLite it fails where the transaction has begun to
// read before somebody else wrote; begin immediately. The first write keeps other writers of
// tenants waiting until the end of the transaction: keep it short, and do not write by s itself
// meanwhile, nor read by it where the pool has one connection, as for SQLite in memory. After a
// read that fails, PostgreSQL can only roll back. Query hooks are those of the *bun.DB that has
// begun the transaction.
//
// The returned store has no change log. It is not a [tenancy.Source], so that no cache can
// hold uncommitted data. It is for one goroutine. Close ends only the returned store; calls
// after the end of the transaction fail with [tenancy.ErrClosed].
//
// Tx fails with [tenancy.ErrInvalid] if tx has not begun, or is of another kind of
// database.
func (s *Store) Tx(tx bun.Tx) (tenancy.Store, error) {
	if tx.Tx == nil {
		return nil, invalidTx("was not begun")
	}
	if has, want := tx.Dialect().Name(), s.common().DB.Dialect().Name(); has != want {
		return nil, invalidTx(fmt.Sprintf("is of %s, and the store of %s", has, want))
	}
	x, err := driver.Extend(within{s.engine.Within(tx)})
	if err != nil {
		return nil, err
	}
	return x, nil
}

func invalidTx(reason string) error {
	return &tenancy.Error{Op: "Tx", Field: "tx", Err: fmt.Errorf("%w: %s", tenancy.ErrInvalid, reason)}
}

// within hides that an engine is a source.
type within struct{ engine.Backend }

// Close implements [driver.Backend].
func (within) Close() error { return nil }

// RunInTx is [bun.DB.RunInTx] in the database of the store, and passes f the store in the
// transaction: see [Store.Tx]. When it returns, it has woken the followers of the store in
// this process.
//
// It returns an error of f unchanged. An error of the commit wraps [tenancy.ErrUnavailable]
// or is the context's; the transaction may have been committed then.
func (s *Store) RunInTx(ctx context.Context, opts *sql.TxOptions, f func(ctx context.Context, tx bun.Tx, tenants tenancy.Store) error) error {
	if err := s.common().Closed(); err != nil {
		return driver.ErrorIn("RunInTx", tenancy.Key{}, err)
	}
	var failed error
	err := s.engine.RunInTx(ctx, opts, func(ctx context.Context, tx bun.Tx) error {
		tenants, err := s.Tx(tx)
		if err == nil {
			err = f(ctx, tx, tenants)
		}
		failed = err
		return err
	})
	if failed != nil {
		return failed
	}
	return driver.ErrorIn("RunInTx", tenancy.Key{}, err)
}
