package main

import (
	"context"
	"errors"
)

// measureStartup opens a store, which checks its schema, and closes it, beside a
// connection and one SELECT by hand.
func measureStartup(ctx context.Context, s *site) ([]point, error) {
	t, err := turns(ctx, s.effort,
		whole(func(ctx context.Context, i int) error {
			db, err := s.connect()
			if err != nil {
				return err
			}
			var name string
			err = db.QueryRowContext(ctx, "SELECT name FROM tenants WHERE id = $1", s.sample.id(s.pick(i))).Scan(&name)
			return errors.Join(err, db.Close())
		}),
		whole(func(ctx context.Context, _ int) error {
			store, err := s.open(ctx)
			if err != nil {
				return err
			}
			return store.Close()
		}))
	if err != nil {
		return nil, err
	}
	return []point{timed("startup", "Open", float64(s.rows), t[1], t[0])}, nil
}
