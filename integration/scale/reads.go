package main

import (
	"context"
	"database/sql"
	"errors"
)

// measureReads reads one tenant at a time, beside the same SELECT, prepared by hand.
func measureReads(ctx context.Context, s *site) (points []point, err error) {
	for _, r := range []struct {
		series, column string
		key            func(i int) string
		get            func(ctx context.Context, key string) error
	}{
		{"by ID", "id", s.sample.id, func(ctx context.Context, key string) error {
			_, err := s.store.GetByID(ctx, key)
			return err
		}},
		{"by identifier", "identifier", s.sample.identifier, func(ctx context.Context, key string) error {
			_, err := s.store.GetByIdentifier(ctx, key)
			return err
		}},
	} {
		stmt, err := s.hand.PrepareContext(ctx, "SELECT "+handColumns+" FROM tenants WHERE "+r.column+" = $1")
		if err != nil {
			return nil, err
		}
		// Never the same rows as the other: it would find them in memory.
		t, err := turns(ctx, s.effort,
			whole(func(ctx context.Context, i int) error { return handGet(ctx, stmt, r.key(s.pick(2*i))) }),
			whole(func(ctx context.Context, i int) error { return r.get(ctx, r.key(s.pick(2*i+1))) }))
		if err = errors.Join(err, stmt.Close()); err != nil {
			return nil, err
		}
		points = append(points, timed("reads", r.series, float64(s.rows), t[1], t[0]))
	}
	return points, nil
}

func handGet(ctx context.Context, stmt *sql.Stmt, key string) error {
	var r handRow
	return stmt.QueryRowContext(ctx, key).Scan(r.dest()...)
}
