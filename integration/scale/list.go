package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// measureList reads a page of the usual size, by cursor and by offset, beside the first
// page: near the end, and in the largest store at other depths, too.
func measureList(ctx context.Context, s *site) (points []point, err error) {
	page := func(opts tenancy.ListOptions) call {
		return whole(func(ctx context.Context, _ int) error {
			p, err := s.store.List(ctx, opts)
			if err == nil && len(p.Tenants) == 0 {
				err = fmt.Errorf("nothing at offset %d", opts.Offset)
			}
			return err
		})
	}
	deepest := s.rows / 10 * 9
	at := []int{deepest}
	if s.rows == s.config.rows[len(s.config.rows)-1] {
		at = depths(deepest)
	}
	for _, depth := range at {
		before, err := s.store.List(ctx, tenancy.ListOptions{Offset: depth - 1, Limit: 1})
		if err != nil {
			return nil, err
		}
		t, err := turns(ctx, s.effort, page(tenancy.ListOptions{}),
			page(tenancy.ListOptions{Cursor: before.Next}), page(tenancy.ListOptions{Offset: depth}))
		if err != nil {
			return nil, err
		}
		for i, series := range []string{"cursor", "offset"} {
			points = append(points, timed("list", series, float64(depth), t[i+1], t[0]))
			if depth == deepest {
				points = append(points, timed("list-deepest", series, float64(s.rows), t[i+1], t[0]))
			}
		}
	}
	return points, nil
}

// depths are up to six, evenly spread, the last of them deepest.
func depths(deepest int) []int {
	var out []int
	for i := range 6 {
		out = append(out, max(1, deepest*(2*i+1)/11))
	}
	return slices.Compact(append(out[:5], deepest))
}
