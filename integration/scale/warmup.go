package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// measureWarmup fills a cache in memory with the newest tenants, beside reading them
// by hand with one SELECT.
func measureWarmup(ctx context.Context, s *site) (points []point, err error) {
	for _, n := range []int{s.rows / 100, s.rows / 30, s.rows / 10} {
		n = max(1, n)
		t, err := turns(ctx, s.effort,
			whole(func(ctx context.Context, _ int) error {
				var r handRow
				got, err := s.handRead(ctx, r.dest(), "SELECT "+handColumns+" FROM tenants ORDER BY created_at DESC, id DESC LIMIT $1", n)
				return expect(got, n, err)
			}),
			func(ctx context.Context, _ int) (took time.Duration, err error) {
				local, err := s.newLocal(ctx, 2*n+1) // by ID and by identifier, and the first read
				if err != nil {
					return 0, err
				}
				defer func() { err = errors.Join(err, local.Close()) }()
				began := time.Now()
				got, err := local.Warm(ctx, tenancy.Filter{}, n)
				return time.Since(began), expect(got, n, err)
			})
		if err != nil {
			return nil, err
		}
		points = append(points, timed("warmup", "Warm", float64(n), t[1], t[0]))
	}
	return points, nil
}

func expect(got, want int, err error) error {
	if err == nil && got != want {
		err = fmt.Errorf("got %d, want %d", got, want)
	}
	return err
}
