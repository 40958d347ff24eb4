package tier_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// midway is a shared cache that hangs in the middle of a batch: it has what comes before,
// and does not reach the rest.
type midway struct {
	*sharedMap
	reached int
	calls   atomic.Int64
}

func (c *midway) Get(ctx context.Context, keys []tenancy.Key) ([]tier.Result, error) {
	c.calls.Add(1)
	results, err := c.sharedMap.Get(ctx, keys[:min(c.reached, len(keys))])
	return append(results, make([]tier.Result, len(keys)-len(results))...), err
}

// Rule 11: what a shared cache did not reach is not asked for again, though it has answered
// all else.
func TestHangInABatchIsNotWaitedForTwice(t *testing.T) {
	db := newDatabase()
	var ids []string
	for i := range 10 {
		ids = append(ids, create(t, db, fmt.Sprintf("t-%d", i)).ID)
	}
	cache := &midway{sharedMap: newSharedMap(), reached: 5}
	s := newTier(t, db, cache)
	if _, err := s.GetByIDs(t.Context(), ids[:5]); err != nil {
		t.Fatal(err)
	}
	before := s.Stats()
	calls := cache.calls.Load()
	ts, err := s.GetByIDs(t.Context(), ids)
	if err != nil || len(ts) != len(ids) {
		t.Errorf("%d tenants, %v", len(ts), err)
	}
	if n := cache.calls.Load() - calls; n != 1 {
		t.Errorf("%d calls of the cache, want 1", n)
	}
	after := s.Stats()
	if hits, unanswered, misses := after.Shared.Hits-before.Shared.Hits, after.Shared.Unanswered-before.Shared.Unanswered, after.Shared.Misses-before.Shared.Misses; hits != 5 || unanswered != 5 || misses != 0 {
		t.Errorf("%d hits, %d unanswered, %d misses; want 5, 5, 0", hits, unanswered, misses)
	}
}
