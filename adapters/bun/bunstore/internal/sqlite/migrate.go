package sqlite

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore/internal/engine"
)

// Migrate looks without a lock first, because usually there is nothing to do.
func (s *store) Migrate(ctx context.Context) error {
	pool, done := s.Read.With(s.DB.DB), false
	err := s.Retry(ctx, func() error {
		exists, err := s.migrated(ctx, pool)
		if err == nil {
			done, err = s.UpToDate(ctx, pool, exists)
		}
		if err == nil && done {
			state, inspectErr := s.state(ctx, pool)
			done, err = state.right(), inspectErr
		}
		return err
	})
	if err != nil || done {
		return err
	}
	return s.InTransaction(ctx, func(in engine.Session) error {
		exists, err := s.migrated(ctx, in)
		if err == nil {
			err = s.Install(ctx, in, exists)
		}
		if err != nil || !exists {
			return err
		}
		return s.repair(ctx, in)
	})
}

func (s *store) InTransaction(ctx context.Context, f func(engine.Session) error) error {
	return engine.RolledBack(s.Retry(ctx, func() error {
		return s.transact(ctx, nil, func(tx bun.Tx) error { return f(s.Read.With(tx.Tx)) })
	}))
}

// migrated does not count another program's table of this name, which will be in
// the way.
func (s *store) migrated(ctx context.Context, in engine.Session) (bool, error) {
	var n int64
	_, err := in.One(ctx, "SELECT count(*) FROM pragma_table_info(?1) WHERE name = 'compatible_from'", []any{s.Names.Table + "_schema"}, &n)
	return n > 0, err
}
