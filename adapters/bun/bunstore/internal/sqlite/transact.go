package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"

	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/core/tenancy"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// Exclusively implements engine.Writer: every write is so.
func (s *store) Exclusively(ctx context.Context, f func(engine.Session) error) error {
	return s.write(ctx, f)
}

// write runs f in an immediate transaction, again if another process is in the
// way. There is no connection that could be lost before an answer comes: nearly every
// failure has changed nothing, and says so.
func (s *store) write(ctx context.Context, f func(engine.Session) error) error {
	if s.InTx() {
		return s.InSavepoint(ctx, engine.Savepoint, engine.Release, func(in engine.Session) error { return s.within(ctx, in, f) })
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return engine.RolledBack(ctx.Err())
	}
	return engine.RolledBack(s.Retry(ctx, func() error {
		if err := s.pool.PrepareWanted(ctx); err != nil {
			return engine.Fail(ctx, s, err)
		}
		return s.transact(ctx, nil, func(tx bun.Tx) error {
			in := s.Read.With(s.pool.In(tx.Tx))
			// The pool may be the caller's and begin deferred transactions: a
			// statement that writes takes the lock before f reads.
			if _, err := in.Exec(ctx, s.nobody); err != nil {
				return err
			}
			if err := s.checkTriggers(ctx, in); err != nil {
				return err
			}
			return s.as(ctx, in, tenancy.ActorFrom(ctx), f)
		})
	}))
}

// within runs f in the transaction of a caller, who may have said who writes by hand.
func (s *store) within(ctx context.Context, in engine.Session, f func(engine.Session) error) error {
	if _, err := in.Exec(ctx, s.lock); err != nil {
		return err
	}
	if err := s.checkTriggers(ctx, in); err != nil {
		return err
	}
	var outside engine.Text
	if _, err := in.One(ctx, s.whose, nil, &outside); err != nil {
		return err
	}
	actor := tenancy.ActorFrom(ctx)
	if err := s.as(ctx, in, actor, f); err != nil || actor == "" || outside == "" {
		return err
	}
	_, err := in.Exec(ctx, s.actor, string(outside))
	return err
}

// as runs f, whose changes the triggers log as those of actor.
func (s *store) as(ctx context.Context, in engine.Session, actor string, f func(engine.Session) error) error {
	if actor == "" {
		return f(in)
	}
	if _, err := in.Exec(ctx, s.actor, actor); err != nil {
		return err
	}
	if err := f(in); err != nil {
		return err
	}
	_, err := in.Exec(ctx, s.nobody)
	return err
}

func (s *store) RunInTx(ctx context.Context, opts *sql.TxOptions, f func(context.Context, bun.Tx) error) error {
	begun, result := false, error(nil)
	err := s.Retry(ctx, func() error {
		result = s.transact(ctx, opts, func(tx bun.Tx) error {
			begun = true
			return f(ctx, tx)
		})
		if begun {
			return nil // f is not called again
		}
		return engine.RolledBack(result)
	})
	return cmp.Or(err, result)
}

// transact runs f in a transaction.
func (s *store) transact(ctx context.Context, opts *sql.TxOptions, f func(bun.Tx) error) (err error) {
	conn, err := s.DB.Conn(ctx)
	if err != nil {
		return engine.Fail(ctx, s, err)
	}
	defer func() { _ = conn.Close() }() // gives it back to the pool
	tx, err := conn.BeginTx(ctx, opts)
	if err != nil {
		return engine.Fail(ctx, s, err)
	}
	done := false
	defer func() { // the transaction is over in any case, by a panic of f too
		if !done {
			_ = tx.Rollback()
		}
	}()
	if err := f(tx); err != nil {
		return err
	}
	done = true
	if err := s.commit(ctx, tx.Tx); err != nil {
		return err
	}
	s.Wrote()
	s.Go("checkpoint", s.keepWALShort)
	return nil
}

// commit runs COMMIT as a statement. Without WAL it fails as long as others
// read, but the transaction stays open and keeps new readers out, so it is tried
// again; tx.Commit would roll back instead.
func (s *store) commit(ctx context.Context, tx *sql.Tx) error {
	whole := context.WithoutCancel(ctx) // not to be interrupted halfway
	err := s.Retry(ctx, func() error {
		_, err := s.Read.With(tx).Exec(whole, "COMMIT")
		return err
	})
	_ = tx.Rollback() // for database/sql; after COMMIT there is nothing to roll back
	var f *engine.Failure
	if !errors.As(err, &f) {
		return err
	}
	failed := *f
	switch code, _ := sqliteCode(err); {
	case f.Kind == engine.Contended:
		failed = engine.Failure{Reason: tenancy.ErrUnavailable, Text: "readers kept the transaction from being committed", Cause: err}
	case code&0xff == sqliteFull, code == sqliteWrite: // what makes it a commit comes last, and was not written
	case errors.Is(err, sql.ErrTxDone): // rolled back because ctx had ended
		failed = engine.Failure{Kind: engine.Interrupted, Reason: cmp.Or(ctx.Err(), tenancy.ErrUnavailable), Cause: err}
	default:
		failed.InDoubt = true
	}
	return &failed
}
