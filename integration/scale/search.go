package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// measureSearch builds the search index, and searches with it beside the same search
// without.
func measureSearch(ctx context.Context, s *site) (points []point, err error) {
	began := time.Now()
	indexed, err := s.open(ctx, bunstore.WithSearchIndex(), bunstore.WithRetention(0, 0))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, indexed.Close()) }()
	points = append(points, point{
		Figure: "index-build", Series: "build", X: float64(s.rows), Value: round(time.Since(began).Seconds()),
	})
	if err := s.settle(ctx); err != nil {
		return nil, err
	}
	for _, q := range []struct{ series, query string }{
		{"found once", rareWord}, {"common", commonWord}, {"two letters", twoLetters},
	} {
		var found [2]int
		search := func(k int, store *bunstore.Store) call {
			return whole(func(ctx context.Context, _ int) error {
				ts, err := store.Search(ctx, q.query, tenancy.SearchOptions{})
				found[k] = len(ts)
				return err
			})
		}
		t, err := turns(ctx, s.effort, search(0, s.store), search(1, indexed))
		if err == nil && (found[0] != found[1] || q.query == rareWord && found[0] != 1) {
			err = fmt.Errorf("%q is found %d times without the index and %d times with it", q.query, found[0], found[1])
		}
		if err != nil {
			return nil, err
		}
		points = append(points, timed("search", q.series, float64(s.rows), t[1], t[0]))
	}
	return points, nil
}
