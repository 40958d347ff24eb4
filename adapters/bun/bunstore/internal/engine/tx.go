package engine

import (
	"cmp"
	"context"

	"github.com/uptrace/bun"
)

// Within returns b for a transaction of the caller's.
func (b *Base) Within(tx bun.Tx) *Base {
	in := &Base{Config: b.Config, Dialect: b.Dialect, Texts: b.Texts, background: b.background, outside: cmp.Or(b.outside, b), Read: b.Read.With(tx.Tx)}
	in.Read.db = tx.NewRaw("").DB().WithQueryHook(operation{})
	return in
}

// Foreign returns b for sessions that the store has not set up, without a Dialect: for
// Within.
func (b *Base) Foreign() *Base {
	in := &Base{Config: b.Config, background: b.background, outside: b, Read: b.Read}
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
// fails, all that they did is undone, and the transaction goes on. enter and leave begin and
// end with Savepoint and Release.
func (b *Base) InSavepoint(ctx context.Context, enter, leave string, f func(Session) error) error {
	if err := b.Closed(); err != nil {
		return err
	}
	_, err := b.Read.Exec(ctx, enter)
	if err == nil {
		err = f(b.Read)
	}
	if err == nil {
		_, err = b.Read.Exec(ctx, leave)
	}
	if err == nil {
		b.Wrote()
		return nil
	}
	whole := context.WithoutCancel(ctx)
	for _, text := range []string{rollback, Release} {
		if _, failed := b.Read.Exec(whole, text); failed != nil {
			break // the transaction has ended, or can only be rolled back: it changes nothing either
		}
	}
	return RolledBack(err)
}
