package engine

import (
	"context"
	"database/sql"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Session runs statements with bound arguments, shows their texts to the query hooks of a
// bun.DB and to the log, and returns failures.
type Session struct {
	db      *bun.DB // whose hooks are called; what runs the statements is runner
	runner  Runner
	dialect Dialect
	logger  *slog.Logger
	secrets *secrets
	seats   *seats // of runner
	denial  *denial
	written *int64 // nil if nobody counts
}

// With returns a session on r.
func (s Session) With(r Runner) Session {
	s.runner, s.seats = r, nil
	return s
}

// WithSeats returns a session on r, whose connections come from db, which nobody else
// uses.
func (s Session) WithSeats(r Runner, db *sql.DB) Session {
	s.runner, s.seats = r, newSeats(db)
	return s
}

// Counting returns s, which adds the number of rows that Exec changes to n.
func (s Session) Counting(n *int64) Session {
	s.written = n
	return s
}

// Each calls scan for every row.
func (s Session) Each(ctx context.Context, text string, args []any, scan func(*sql.Rows) error) error {
	return s.query(ctx, false, text, args, scan)
}

// keyed calls scan for the row of a key, of which text finds one at most. SQLite has it
// before anybody could stop it. What stands by to stop it all the same, a goroutine of
// database/sql and one of the driver, would cost a fifth of the read: so the statement
// is not told of the end of ctx where it need not wait for a connection either.
func (s Session) keyed(ctx context.Context, text string, args []any, scan func(*sql.Rows) error) error {
	return s.query(ctx, true, text, args, scan)
}

func (s Session) query(ctx context.Context, keyed bool, text string, args []any, scan func(*sql.Rows) error) (err error) {
	q := &statement{Session: s, ctx: ctx, text: text, args: args, scan: scan, keyed: keyed}
	defer s.logged(ctx, text, &q.rows, &err)()
	defer func() { s.denial.saw(ctx, s.logger, text, err) }()
	if s.seats.take() && keyed {
		ctx = context.WithoutCancel(ctx)
	}
	defer s.seats.leave()
	return q.query(ctx)
}

// One scans the only row into dest, and reports whether there was one.
func (s Session) One(ctx context.Context, text string, args []any, dest ...any) (found bool, err error) {
	err = s.Each(ctx, text, args, func(rows *sql.Rows) error {
		found = true
		return rows.Scan(dest...)
	})
	return found, err
}

// Exec returns the number of rows that the statement itself changed.
func (s Session) Exec(ctx context.Context, text string, args ...any) (n int64, err error) {
	defer s.logged(ctx, text, &n, &err)()
	defer func() { s.denial.saw(ctx, s.logger, text, err) }()
	result, err := (&statement{Session: s, ctx: ctx, text: text, args: args}).exec()
	if err != nil {
		return 0, err
	}
	n, err = result.RowsAffected()
	if s.written != nil {
		*s.written += n
	}
	return n, Fail(ctx, s.dialect, err)
}

// Tenant reads the tenant that text selects, or fails with ErrNotFound.
func (s Session) Tenant(ctx context.Context, text string, args ...any) (t tenancy.Tenant, err error) {
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

// Tenants reads every tenant that text selects, about as many as expected.
func (s Session) Tenants(ctx context.Context, expected int, text string, args ...any) ([]tenancy.Tenant, error) {
	ts, _, err := s.page(ctx, expected, text, args)
	return ts, err
}

// page is Tenants for a text of pageText, too, whose position it returns.
func (s Session) page(ctx context.Context, expected int, text string, args []any) (ts []tenancy.Tenant, asOf Position, err error) {
	ts = make([]tenancy.Tenant, 0, expected)
	r := s.newRow()
	err = s.Each(ctx, text, args, func(rows *sql.Rows) error {
		t, err := r.scan(rows)
		if t.ID == "" {
			asOf = r.at
			return err
		}
		ts = append(ts, t)
		return err
	})
	if err != nil {
		return nil, asOf, err
	}
	return ts, asOf, nil
}

// logged is deferred twice: at once, to take the time, and at the end.
func (s Session) logged(ctx context.Context, text string, rows *int64, err *error) func() {
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

// seats counts the connections of a pool that nobody else uses, so that a read knows
// whether there is one for it without waiting. A nil one knows of none.
type seats struct{ free atomic.Int64 }

func newSeats(db *sql.DB) *seats {
	s := &seats{}
	s.free.Store(math.MaxInt64)
	if n := db.Stats().MaxOpenConnections; n > 0 {
		s.free.Store(int64(n))
	}
	return s
}

// take is called before each use of the pool, and leave after it. It reports whether
// there is a connection at once.
func (s *seats) take() bool { return s != nil && s.free.Add(-1) >= 0 }

func (s *seats) leave() {
	if s != nil {
		s.free.Add(1)
	}
}

// denial logs that the database refuses a statement for want of a privilege: once, until
// it takes that statement. To callers it is an outage like others, but one that does not
// end by itself.
type denial struct{ statement atomic.Pointer[string] }

func (d *denial) saw(ctx context.Context, logger *slog.Logger, text string, err error) {
	if err == nil {
		if last := d.statement.Load(); last != nil && *last == text && d.statement.CompareAndSwap(last, nil) {
			logger.InfoContext(ctx, "tenancy: the database grants what it has denied")
		}
		return
	}
	if KindOf(err) == Denied && d.statement.CompareAndSwap(nil, &text) {
		logger.ErrorContext(ctx, "tenancy: the database denies what a call needs, and does so until somebody grants it; until then such calls fail",
			slog.Any("error", err), slog.String("statement", text[:min(len(text), maxShownStatement)]+"…"))
	}
}

const maxShownStatement = 80 // bytes; what the store itself wrote is ASCII
