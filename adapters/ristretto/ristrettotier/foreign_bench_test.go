package ristrettotier_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// BenchmarkForeignWrites says how many of 200,000 cached tenants are still hits when so
// many of a million others were changed, beside an ideal cache, which loses none.
func BenchmarkForeignWrites(b *testing.B) {
	const cached, others = 200_000, 1_000_000
	for _, percent := range []int{1, 2, 5, 10, 50} {
		b.Run(fmt.Sprintf("changed=%d%%", percent), func(b *testing.B) {
			source := &busySource{}
			source.newest.Store(1)
			s, err := ristrettotier.New(source, ristrettotier.WithMaxEntries(2*cached))
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			ids := make([]string, cached)
			for i := range ids {
				ids[i] = fmt.Sprint("tenant-", i)
			}
			hits := func() float64 {
				before := s.Stats().Local.Hits
				for batch := ids; len(batch) > 0; batch = batch[1000:] {
					if _, err := s.GetByIDs(b.Context(), batch[:1000]); err != nil {
						b.Fatal(err)
					}
				}
				return float64(s.Stats().Local.Hits - before)
			}
			var kept, ideal float64
			for b.Loop() {
				hits() // fills
				ideal += hits()
				source.newest.Add(int64(percent) * others / 100)
				for s.Stats().Position.Revision < tenancy.Revision(source.newest.Load()) {
					time.Sleep(time.Millisecond)
				}
				kept += hits()
			}
			b.ReportMetric(kept/ideal, "x-ideal")
		})
	}
}

// busySource has every tenant, and a log of changes of others.
type busySource struct {
	tenancy.Source
	newest atomic.Int64
}

func (s *busySource) head() tenancy.Position {
	return tenancy.Position{Revision: tenancy.Revision(s.newest.Load()), Mark: 1}
}

func (s *busySource) Bounds(context.Context) (tenancy.Bounds, error) {
	return tenancy.Bounds{Oldest: s.head(), Newest: s.head()}, nil
}

func (s *busySource) Load(_ context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	out := make([]tenancy.Versioned, len(want))
	for i, w := range want {
		out[i] = tenancy.Versioned{AsOf: s.head(), Found: true, Tenant: tenancy.Tenant{ID: w.Key.Value, Identifier: "i-" + w.Key.Value}}
	}
	return out, nil
}

func (s *busySource) Changes(_ context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	var changes []tenancy.Change
	for r := after.Revision + 1; r <= s.head().Revision && len(changes) < limit; r++ {
		id := fmt.Sprint("other-", r)
		changes = append(changes, tenancy.Change{
			Position: tenancy.Position{Revision: r, Mark: 1}, Kind: tenancy.ChangeUpdate, TenantID: id,
			Keys: []tenancy.Key{tenancy.IDKey(id), tenancy.IdentifierKey(id)},
		})
	}
	return changes, nil
}

func (s *busySource) Wait(ctx context.Context, _ tenancy.Position) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Millisecond):
		return nil
	}
}

func (s *busySource) Close() error { return nil }
