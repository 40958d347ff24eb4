package ristrettotier

import (
	"context"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
)

// BenchmarkGetByIDs compares a batch of 1,000 hits with 1,000 single ones, in turns.
func BenchmarkGetByIDs(b *testing.B) {
	s, _ := newTestTier(b, memstore.New())
	ctx := context.Background()
	ts := fill(b, s, benchTenants)
	ids := make([]string, len(ts))
	for i, t := range ts {
		ids[i] = t.ID
	}
	if _, err := s.GetByIDs(ctx, ids); err != nil { // now all are cached
		b.Fatal(err)
	}
	before := s.Stats()
	b.ReportAllocs()
	var times, ratios []float64
	for b.Loop() {
		began := time.Now()
		if got, err := s.GetByIDs(ctx, ids); err != nil || len(got) != len(ids) {
			b.Fatal(len(got), err)
		}
		batch := time.Since(began)
		for _, id := range ids {
			if _, err := s.GetByID(ctx, id); err != nil {
				b.Fatal(err)
			}
		}
		single := time.Since(began) - batch
		times = append(times, float64(batch.Nanoseconds()))
		ratios = append(ratios, float64(batch)/float64(single))
	}
	b.ReportMetric(median(times), "ns/op")
	b.ReportMetric(median(ratios), "x-singles")
	if st := s.Stats(); st.Local.Misses != before.Local.Misses {
		b.Errorf("%d misses: hits were to be measured", st.Local.Misses-before.Local.Misses)
	}
}
