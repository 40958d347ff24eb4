package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// measureCount counts tenants, beside the same SELECT by hand.
func measureCount(ctx context.Context, s *site) (points []point, err error) {
	for _, c := range []struct {
		series string
		filter tenancy.Filter
		where  string
	}{
		{"all", tenancy.Filter{}, ""},
		{"suspended, one of 20", tenancy.Filter{Statuses: []tenancy.Status{tenancy.StatusSuspended}}, " WHERE status = 'suspended'"},
	} {
		stmt, err := s.hand.PrepareContext(ctx, "SELECT count(*) FROM tenants"+c.where)
		if err != nil {
			return nil, err
		}
		var byHand, counted int
		t, err := turns(ctx, s.effort,
			whole(func(ctx context.Context, _ int) error {
				return stmt.QueryRowContext(ctx).Scan(&byHand)
			}),
			whole(func(ctx context.Context, _ int) (err error) {
				counted, err = s.store.Count(ctx, c.filter)
				return err
			}))
		err = errors.Join(err, stmt.Close())
		if err == nil && counted != byHand {
			err = fmt.Errorf("counted %d, by hand %d", counted, byHand)
		}
		if err != nil {
			return nil, err
		}
		points = append(points, timed("count", c.series, float64(s.rows), t[1], t[0]))
	}
	return points, nil
}
