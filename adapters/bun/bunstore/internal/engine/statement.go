package engine

import (
	"context"
	"database/sql"

	"github.com/uptrace/bun"
)

// Runner is a pool, a connection or a transaction, of database/sql or with prepared
// statements. It is none of bun's, which would put the arguments into the text.
type Runner interface {
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error)
}

// statement is one that bun runs, for its query hooks to see: bun takes it for the
// connection and for the model of a raw query. The hooks get the text; the arguments go
// from here to the Runner, bound.
type statement struct {
	bun.IConn // for what bun does not call of a raw query
	Session
	ctx   context.Context // the caller's, by which errors are judged
	text  string
	args  []any
	scan  func(*sql.Rows) error
	keyed bool // there is one row at most
	rows  int64
}

func (s *statement) query(ctx context.Context) error {
	return s.db.NewRaw(s.text).Conn(s).Scan(ctx, s)
}

func (s *statement) exec() (sql.Result, error) {
	return s.db.NewRaw(s.text).Conn(s).Exec(s.ctx)
}

// QueryContext implements [bun.IConn].
func (s *statement) QueryContext(ctx context.Context, _ string, _ ...any) (*sql.Rows, error) {
	text, args := s.dialect.Bind(s.text, s.args)
	rows, err := s.runner.QueryContext(ctx, text, args...)
	return rows, s.fail(err)
}

// ExecContext implements [bun.IConn].
func (s *statement) ExecContext(ctx context.Context, _ string, _ ...any) (sql.Result, error) {
	text, args := s.dialect.Bind(s.text, s.args)
	result, err := s.runner.ExecContext(ctx, text, args...)
	return result, s.fail(err)
}

// ScanRows implements [bun.Model].
func (s *statement) ScanRows(_ context.Context, rows *sql.Rows) (int, error) {
	for rows.Next() {
		s.rows++
		if err := s.scan(rows); err != nil {
			return int(s.rows), s.fail(err)
		}
		if s.keyed {
			break // the next step would find nothing
		}
	}
	if err := rows.Err(); err != nil {
		return int(s.rows), s.fail(err)
	}
	return int(s.rows), s.fail(rows.Close())
}

// Value implements [bun.Model].
func (s *statement) Value() any { return nil }

// fail keeps from hooks, too, what a driver writes into its errors.
func (s *statement) fail(err error) error { return Fail(s.ctx, s.dialect, err) }

// operation lets hooks know what kind of statement they see: bun calls every raw query a
// SELECT.
type operation struct{}

// BeforeQuery implements [bun.QueryHook]. Without a query, bun takes the operation from the
// text.
func (operation) BeforeQuery(ctx context.Context, event *bun.QueryEvent) context.Context {
	event.IQuery = nil
	return ctx
}

// AfterQuery implements [bun.QueryHook].
func (operation) AfterQuery(context.Context, *bun.QueryEvent) {}
