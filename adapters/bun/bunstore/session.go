package bunstore

import (
	"context"
	"database/sql"
	"log/slog"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// runner is a pool, a connection or a transaction, of database/sql or with
// prepared statements.
type runner interface {
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error)
}

// session runs statements with bound arguments, logs their texts, and returns
// failures. It scans by hand: bun would put the arguments into the text, which
// costs a plan for every call and shows them in the server's log.
type session struct {
	runner  runner
	dialect dialect
	logger  *slog.Logger
	secrets *secrets
	seats   *seats // of runner
	denial  *denial
}

// with returns a session on r.
func (s session) with(r runner) session {
	s.runner, s.seats = r, nil
	return s
}

// each calls scan for every row.
func (s session) each(ctx context.Context, text string, args []any, scan func(*sql.Rows) error) error {
	return s.query(ctx, false, text, args, scan)
}

// keyed calls scan for the row of a key, of which text finds one at most. SQLite has it
// before anybody could stop it. What stands by to stop it all the same, a goroutine of
// database/sql and one of the driver, would cost a fifth of the read: so the statement
// is not told of the end of ctx where it need not wait for a connection either.
func (s session) keyed(ctx context.Context, text string, args []any, scan func(*sql.Rows) error) error {
	return s.query(ctx, true, text, args, scan)
}

func (s session) query(ctx context.Context, keyed bool, text string, args []any, scan func(*sql.Rows) error) (err error) {
	n := int64(0)
	defer s.logged(ctx, text, &n, &err)()
	defer func() { s.denial.saw(ctx, s.logger, text, err) }()
	statement := ctx
	if s.seats.take() && keyed {
		statement = context.WithoutCancel(ctx)
	}
	defer s.seats.leave()
	rows, err := s.runner.QueryContext(statement, text, args...)
	if err != nil {
		return fail(ctx, s.dialect, err)
	}
	defer func() { _ = rows.Close() }() // on the way out of an error
	for rows.Next() {
		n++
		if err := scan(rows); err != nil {
			return fail(ctx, s.dialect, err)
		}
		if keyed {
			break // the next step would find nothing
		}
	}
	if err := rows.Err(); err != nil {
		return fail(ctx, s.dialect, err)
	}
	return fail(ctx, s.dialect, rows.Close())
}

// one scans the only row into dest, and reports whether there was one.
func (s session) one(ctx context.Context, text string, args []any, dest ...any) (found bool, err error) {
	err = s.each(ctx, text, args, func(rows *sql.Rows) error {
		found = true
		return rows.Scan(dest...)
	})
	return found, err
}

// exec returns the number of rows that the statement itself changed.
func (s session) exec(ctx context.Context, text string, args ...any) (n int64, err error) {
	defer s.logged(ctx, text, &n, &err)()
	defer func() { s.denial.saw(ctx, s.logger, text, err) }()
	result, err := s.runner.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, fail(ctx, s.dialect, err)
	}
	n, err = result.RowsAffected()
	return n, fail(ctx, s.dialect, err)
}

// tenant reads the tenant that text selects, or fails with ErrNotFound.
func (s session) tenant(ctx context.Context, text string, args ...any) (t tenancy.Tenant, err error) {
	found, r := false, s.newRow()
	err = s.keyed(ctx, text, args, func(rows *sql.Rows) (err error) {
		found = true
		t, err = r.scan(rows)
		return err
	})
	if err == nil && !found {
		err = tenancy.ErrNotFound
	}
	if err != nil {
		return tenancy.Tenant{}, err
	}
	return t, nil
}

// tenants reads every tenant that text selects, about as many as expected.
func (s session) tenants(ctx context.Context, expected int, text string, args ...any) (ts []tenancy.Tenant, err error) {
	ts = make([]tenancy.Tenant, 0, expected)
	r := s.newRow()
	err = s.each(ctx, text, args, func(rows *sql.Rows) error {
		t, err := r.scan(rows)
		ts = append(ts, t)
		return err
	})
	if err != nil {
		return nil, err
	}
	return ts, nil
}

// logged is deferred twice: at once, to take the time, and at the end.
func (s session) logged(ctx context.Context, text string, rows *int64, err *error) func() {
	if !s.logger.Enabled(ctx, slog.LevelDebug) {
		return func() {}
	}
	start := time.Now()
	return func() {
		attrs := []slog.Attr{
			slog.String("statement", text),
			slog.Duration("duration", time.Since(start)),
			slog.Int64("rows", *rows),
		}
		if *err != nil {
			attrs = append(attrs, slog.String("error", (*err).Error()))
		}
		s.logger.LogAttrs(ctx, slog.LevelDebug, "tenancy: statement", attrs...)
	}
}
