package mysql

import (
	"context"
	"database/sql"
	"errors"

	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/adapters/bun/internal/mysqlerror"
	"github.com/go-tenancy/tenantstore/core/tenancy"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// Exclusively implements engine.Writer.
func (s *store) Exclusively(ctx context.Context, f func(engine.Session) error) error {
	return s.write(ctx, func(in engine.Session) error { return f(in.Counting(nil)) }) // who writes names looks at the log itself
}

// write runs f in a transaction, again as long as it loses against other sessions.
func (s *store) write(ctx context.Context, f func(engine.Session) error) error {
	if s.InTx() {
		return s.InSavepoint(ctx, engine.Savepoint, engine.Release, func(in engine.Session) error { return s.locked(ctx, in, f) })
	}
	opts := &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	if s.SessionsReady {
		opts = nil // spares a round trip
	}
	err := s.Retry(ctx, func() error {
		if err := s.pool.PrepareWanted(ctx); err != nil {
			return engine.RolledBack(engine.Fail(ctx, s, err))
		}
		return s.Transact(ctx, opts, func(ctx context.Context, tx bun.Tx) error {
			return engine.RolledBack(s.locked(ctx, s.Read.With(s.pool.In(tx.Tx)), f))
		})
	})
	if err == nil {
		s.Wrote()
	}
	return err
}

var (
	errUnfit    = errors.New("unfit session")
	errUnlogged = errors.New("unlogged write")
)

func unfit(text string) error {
	return &engine.Failure{Reason: tenancy.ErrUnavailable, Text: text, Cause: errUnfit}
}

// locked runs f while nobody else writes tenants, and sees to it that the triggers have
// logged what f has written.
func (s *store) locked(ctx context.Context, in engine.Session, f func(engine.Session) error) (err error) {
	var revision engine.Integer
	var outside, charset, readOnly engine.Text
	found, err := in.One(ctx, s.lock, nil, &revision, &outside, &charset, &readOnly)
	switch {
	case err != nil:
		return err
	case !found:
		return unfit("the table " + s.Names.Table + "_head has lost its row: run Migrate")
	case charset != "utf8mb4":
		return unfit("the session has the character set " + string(charset) + ", and a store needs utf8mb4: take charset out of the DSN")
	case readOnly != "0" && readOnly != "OFF":
		return unfit(mysqlerror.ReadOnly)
	}
	written := int64(0)
	if err := s.as(ctx, in, string(outside), func() error { return f(in.Counting(&written)) }); err != nil || written == 0 {
		return err
	}
	var logged engine.Integer
	if _, err := in.One(ctx, s.logged, []any{int64(revision)}, &logged); err != nil {
		return err
	}
	if int64(logged) < written {
		return &engine.Failure{Reason: tenancy.ErrUnavailable, Text: unlogged, Cause: errUnlogged}
	}
	return nil
}

// as runs f, whose changes the triggers log as those of the actor of ctx. What the
// session says besides is of outside, to whom the next write belongs perhaps.
func (s *store) as(ctx context.Context, in engine.Session, outside string, f func() error) (err error) {
	actor := tenancy.ActorFrom(ctx)
	if actor == "" || actor == outside {
		return f()
	}
	if _, err := in.Exec(ctx, s.actor, actor); err != nil {
		return err
	}
	defer func() { // a rollback does not undo it
		if _, resetErr := in.Exec(context.WithoutCancel(ctx), s.actor, outside); err == nil {
			err = resetErr
		}
	}()
	return f()
}
