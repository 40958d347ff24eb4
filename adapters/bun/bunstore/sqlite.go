package bunstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// sqlite is the store on SQLite. Every write is one immediate transaction, in
// which there is no other writer; so it may read first and decide in Go. It
// reads the result back because RETURNING shows a row as it was before the
// triggers stamped it.
type sqlite struct {
	*base
	// turn is held by the one who writes: waiting in line is fairer than losing
	// against each other in SQLite, and again.
	turn    chan struct{}
	pool    *prepared // for writes
	reader  *prepared // for reads; may be pool
	file    openFile
	checked integer // schema_version of the file when its triggers were right; for who has turn
	nobody  string  // takes the write lock, and forgets who wrote last
	actor   string  // says who writes
	insert  string  // rows of a JSON array
	put     string  // replaces every mutable field
	status  string
	merge   string
	secret  string // replaces a database_url
	newest  string // latest updated_at
	remove  string
}

func newSQLite(b *base) *sqlite {
	s := &sqlite{base: b, turn: make(chan struct{}, 1), pool: newPrepared(b.db)}
	s.reader = s.pool
	if b.config.reader != nil {
		s.reader = newPrepared(b.config.reader.DB)
	}
	b.read = b.read.with(s.reader)
	if b.config.reader != nil {
		b.read.seats = newSeats(b.config.reader.DB)
	}
	b.inspectDatabase = s.inspectFile
	t := b.dialect.table(b.names, "")
	// WHERE TRUE keeps SQLite from emptying the table whether it is empty or not.
	s.nobody = "DELETE FROM " + b.dialect.table(b.names, "_actor") + " WHERE TRUE"
	s.actor = "INSERT INTO " + b.dialect.table(b.names, "_actor") + " (actor) VALUES (?1)"
	s.insert = "INSERT INTO " + t + " (id, identifier, name, name_folded, status, isolation, database_url, schema_name, metadata, created_at, updated_at)" +
		" SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10 FROM json_each(?1)"
	s.remove = "DELETE FROM " + t + " WHERE id = ?1"
	const next = "updated_at = max(?2, updated_at + 1)"
	s.put = "UPDATE " + t + " SET " + next + ", identifier = ?3, name = ?4, name_folded = ?5, status = ?6, isolation = ?7, database_url = ?8, schema_name = ?9, metadata = ?10 WHERE id = ?1 AND (?11 = -1 OR revision = ?11 AND mark = ?12)"
	s.status = "UPDATE " + t + " SET status = ?2, updated_at = ?3 WHERE id IN (SELECT value FROM json_each(?1))"
	s.merge = "UPDATE " + t + " SET " + next + ", metadata = ?3 WHERE id = ?1"
	s.secret = "UPDATE " + t + " SET " + next + ", database_url = ?3 WHERE id = ?1 AND database_url = ?4"
	s.newest = "SELECT max(updated_at) FROM " + t + " WHERE id IN (SELECT value FROM json_each(?1))"
	return s
}

// Close implements driver.Backend.
func (s *sqlite) Close() error {
	s.background.stop()
	errs := []error{s.pool.close()}
	if s.reader != s.pool {
		errs = append(errs, s.reader.close())
	}
	return errors.Join(append(errs, s.base.Close())...)
}

// write runs f in an immediate transaction, again if another process is in the
// way. There is no connection that could be lost before an answer comes: nearly every
// failure has changed nothing, and says so.
func (s *sqlite) write(ctx context.Context, f func(session) error) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return undone(ctx.Err())
	}
	return undone(s.retry(ctx, func() error {
		if err := s.pool.prepareWanted(ctx); err != nil {
			return fail(ctx, s.dialect, err)
		}
		over := func(tx *sql.Tx) runner { return preparedTx{tx, s.pool} }
		return s.transact(ctx, over, func(in session) error {
			// The pool may be the caller's and begin deferred transactions: a
			// statement that writes takes the lock before f reads.
			if _, err := in.exec(ctx, s.nobody); err != nil {
				return err
			}
			if err := s.checkTriggers(ctx, in); err != nil {
				return err
			}
			return s.as(ctx, in, tenancy.ActorFrom(ctx), f)
		})
	}))
}

// as runs f, whose changes the triggers log as those of actor.
func (s *sqlite) as(ctx context.Context, in session, actor string, f func(session) error) error {
	if actor == "" {
		return f(in)
	}
	if _, err := in.exec(ctx, s.actor, actor); err != nil {
		return err
	}
	if err := f(in); err != nil {
		return err
	}
	_, err := in.exec(ctx, s.nobody)
	return err
}

// transact runs f in a transaction, whose statements over runs.
func (s *sqlite) transact(ctx context.Context, over func(*sql.Tx) runner, f func(session) error) (err error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return fail(ctx, s.dialect, err)
	}
	defer func() { _ = conn.Close() }() // gives it back to the pool
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return fail(ctx, s.dialect, err)
	}
	defer func() { _ = tx.Rollback() }() // the transaction is over in any case, by a panic of f too
	if err := f(s.read.with(over(tx))); err != nil {
		return err
	}
	if err := s.commit(ctx, tx); err != nil {
		return err
	}
	s.wrote()
	s.background.start("checkpoint", s.keepWALShort)
	return nil
}

// commit runs COMMIT as a statement. Without WAL it fails as long as others
// read, but the transaction stays open and keeps new readers out, so it is tried
// again; tx.Commit would roll back instead.
func (s *sqlite) commit(ctx context.Context, tx *sql.Tx) error {
	whole := context.WithoutCancel(ctx) // not to be interrupted halfway
	err := s.retry(ctx, func() error {
		_, err := tx.ExecContext(whole, "COMMIT")
		return fail(ctx, s.dialect, err)
	})
	_ = tx.Rollback() // for database/sql; after COMMIT there is nothing to roll back
	var f *failure
	if !errors.As(err, &f) {
		return err
	}
	failed := *f
	switch code, _ := sqliteCode(err); {
	case f.kind == contended:
		failed = failure{reason: tenancy.ErrUnavailable, text: "readers kept the transaction from being committed", cause: err}
	case code&0xff == sqliteFull, code == sqliteWrite: // what makes it a commit comes last, and was not written
	case errors.Is(err, sql.ErrTxDone): // rolled back because ctx had ended
	default:
		failed.inDoubt = true
	}
	return &failed
}

// migrate looks without a lock first, because usually there is nothing to do.
func (s *sqlite) migrate(ctx context.Context) error {
	pool, done := s.read.with(s.db), false
	err := s.retry(ctx, func() error {
		exists, err := s.migrated(ctx, pool)
		if err == nil {
			done, err = s.upToDate(ctx, pool, exists)
		}
		if err == nil && done {
			state, inspectErr := s.inspect(ctx, pool)
			done, err = state.right(), inspectErr
		}
		return err
	})
	if err != nil || done {
		return err
	}
	return s.inTransaction(ctx, func(in session) error {
		exists, err := s.migrated(ctx, in)
		if err == nil {
			err = s.install(ctx, in, exists)
		}
		if err != nil || !exists {
			return err
		}
		return s.repair(ctx, in)
	})
}

func (s *sqlite) inTransaction(ctx context.Context, f func(session) error) error {
	return undone(s.retry(ctx, func() error {
		return s.transact(ctx, func(tx *sql.Tx) runner { return tx }, f)
	}))
}

// migrated does not count another program's table of this name, which will be in
// the way.
func (s *sqlite) migrated(ctx context.Context, in session) (bool, error) {
	var n int64
	_, err := in.one(ctx, "SELECT count(*) FROM pragma_table_info(?1) WHERE name = 'compatible_from'", []any{s.names.Table + "_schema"}, &n)
	return n > 0, err
}
