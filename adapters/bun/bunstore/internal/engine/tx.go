package engine

import (
	"cmp"
	"context"
	"database/sql"

	"github.com/uptrace/bun"
)

// RunInTx implements Engine.
func (b *Base) RunInTx(ctx context.Context, opts *sql.TxOptions, f func(context.Context, bun.Tx) error) error {
	err := b.Transact(ctx, opts, f)
	if err == nil {
		b.Wrote()
	}
	return err
}

// Transact runs f in a transaction. It tells what f has failed with, which then was rolled
// back, from a COMMIT without an answer, which may have happened: it is never tried again.
func (b *Base) Transact(ctx context.Context, opts *sql.TxOptions, f func(context.Context, bun.Tx) error) error {
	begun, result := false, error(nil)
	err := b.DB.RunInTx(ctx, opts, func(ctx context.Context, tx bun.Tx) error {
		begun = true
		result = f(ctx, tx)
		return result
	})
	switch {
	case result != nil:
		return result
	case !begun:
		return RolledBack(Fail(ctx, b, err))
	}
	return Fail(ctx, b, err)
}

// Within returns b for a transaction of the caller's.
func (b *Base) Within(tx bun.Tx) *Base {
	in := &Base{Config: b.Config, Dialect: b.Dialect, Texts: b.Texts, background: b.background, endings: b.endings, outside: cmp.Or(b.outside, b), tx: tx.Tx, Read: b.Read.With(tx.Tx)}
	in.Read.db = tx.NewRaw("").DB().WithQueryHook(operation{})
	return in
}

// Foreign returns b for sessions that the store has not set up, without a Dialect: for
// Within.
func (b *Base) Foreign() *Base {
	in := &Base{Config: b.Config, background: b.background, endings: b.endings, outside: b, Read: b.Read}
	in.SessionsReady = false
	return in
}

// InTx reports whether b is for a transaction of the caller's.
func (b *Base) InTx() bool { return b.outside != nil }

// The savepoint of one write.
const (
	Savepoint = "SAVEPOINT tenantstore"
	Release   = "RELEASE SAVEPOINT tenantstore"
	rollback  = "ROLLBACK TO SAVEPOINT tenantstore"
)

// InSavepoint runs a write in the transaction of the caller: enter, f, leave. If one of them
// fails or panics, all that they did is undone, and the transaction goes on. enter and leave
// begin and end with Savepoint and Release.
func (b *Base) InSavepoint(ctx context.Context, enter, leave string, f func(Session) error) error {
	if err := b.Closed(); err != nil {
		return err
	}
	entered, released := false, false
	defer func() {
		if !released {
			b.undo(context.WithoutCancel(ctx), entered)
		}
	}()
	_, err := b.Read.Exec(ctx, enter)
	if err == nil {
		entered = true
		err = f(b.Read)
	}
	if err == nil {
		_, err = b.Read.Exec(ctx, leave)
	}
	if err != nil {
		return RolledBack(err)
	}
	released = true
	b.Wrote()
	return nil
}

// undo goes back to the savepoint. If that was entered and is gone, so is the transaction, or
// its connection: SQLite rolls back all of it when a write is interrupted or the disk is full,
// and would commit each later statement at once. So database/sql has to know.
func (b *Base) undo(ctx context.Context, entered bool) {
	undone := false
	defer func() {
		if entered && !undone {
			_ = b.tx.Rollback()
		}
	}()
	for _, text := range []string{rollback, Release} {
		if _, err := b.Read.Exec(ctx, text); err != nil {
			return // not entered: PostgreSQL has aborted the transaction before
		}
	}
	undone = true
}
