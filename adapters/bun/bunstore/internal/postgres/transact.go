package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/core/tenancy"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// single runs f, which is one statement, again as long as it loses against other
// sessions: on the pool, if its sessions are set up, else in a transaction.
func (p *store) single(ctx context.Context, f func(engine.Session) error) error {
	return p.write(ctx, p.SessionsReady, f)
}

// onConnection runs f on a connection of the pool, and on another one if the driver finds
// that it is dead.
func (p *store) onConnection(ctx context.Context, f func(engine.Session) error) (err error) {
	for range engine.Attempts {
		var unsent bool
		if unsent, err = p.onOne(ctx, f); !unsent {
			break
		}
	}
	return err
}

// onOne reports whether the statement of f was not sent. If the context ends before there is
// a connection, which takes long while all of them hang, nothing was sent.
func (p *store) onOne(ctx context.Context, f func(engine.Session) error) (unsent bool, err error) {
	conn, err := p.DB.Conn(ctx)
	if err != nil {
		return false, engine.RolledBack(engine.Fail(ctx, p, err))
	}
	defer func() { _ = conn.Close() }() // gives it back, after a panic of a query hook too
	h := &held{Conn: conn.Conn}
	err = f(p.Read.With(h))
	return h.unsent, err
}

// held is a connection that is taken from the pool for a statement.
type held struct {
	*sql.Conn
	unsent bool // the statement: the driver has found the connection dead, and wants another
}

// QueryContext implements runner.
func (h *held) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	rows, err := h.Conn.QueryContext(ctx, text, args...)
	h.unsent = errors.Is(err, driver.ErrBadConn)
	return rows, err
}

// ExecContext implements runner.
func (h *held) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	result, err := h.Conn.ExecContext(ctx, text, args...)
	h.unsent = errors.Is(err, driver.ErrBadConn)
	return result, err
}

// transaction runs f in a transaction, again as long as it loses against other
// sessions.
func (p *store) transaction(ctx context.Context, f func(engine.Session) error) error {
	return p.write(ctx, false, f)
}

// Exclusively locks what the triggers lock, before it reads.
func (p *store) Exclusively(ctx context.Context, f func(engine.Session) error) error {
	return p.transaction(ctx, func(in engine.Session) error {
		var one int64
		if _, err := in.One(ctx, p.lock, nil, &one); err != nil {
			return err
		}
		if actor := tenancy.ActorFrom(ctx); actor != "" {
			if _, err := in.Exec(ctx, p.actor, actor); err != nil {
				return err
			}
		}
		return f(in)
	})
}

// write runs f. A session whose plans are outdated goes on with them: those of
// prepared statements the driver forgets, those of triggers have to be discarded.
func (p *store) write(ctx context.Context, alone bool, f func(engine.Session) error) error {
	if p.InTx() {
		return p.InSavepoint(ctx, p.enter, p.leave, f)
	}
	discard := false
	err := p.Retry(ctx, func() (err error) {
		if alone && !discard {
			err = p.onConnection(ctx, f)
		} else {
			err = p.transact(ctx, func(in engine.Session) error {
				if discard {
					if _, err := in.Exec(ctx, "DISCARD PLANS"); err != nil {
						return err
					}
				}
				return f(in)
			})
		}
		discard = engine.KindOf(err) == engine.Outdated
		return err
	})
	if err == nil {
		p.Wrote()
	}
	return claimNotApplied(err)
}

// transact runs f in a transaction that is set up for the store.
func (p *store) transact(ctx context.Context, f func(engine.Session) error) error {
	return p.Transact(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted}, func(_ context.Context, tx bun.Tx) error {
		in := p.Read.With(tx.Tx)
		if !p.SessionsReady {
			if _, err := in.Exec(ctx, p.settings); err != nil {
				return engine.RolledBack(err)
			}
		}
		return engine.RolledBack(f(in))
	})
}
