package main

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"

	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// zipfExponent is that of the traffic: the kth tenant is asked for k^1.01 times less
// often than the first, near what is measured of the Web.
const zipfExponent = 1.01

// measureCache sends Zipf traffic by identifier through caches of several sizes. The
// baseline of the hit ratio is the ideal: the probability of the tenants that are asked
// for most, as many as the cache may hold. Its ratio is that to what is within reach
// after so many lookups: nobody hits what nobody has asked for before.
func measureCache(ctx context.Context, s *site) (points []point, err error) {
	series := grouped(s.rows) + " tenants"
	var held, used []float64
	for _, percent := range []int{1, 3, 10, 30, 100} {
		capacity := max(1, s.rows*percent/100)
		before := heap()
		local, err := s.newLocal(ctx, capacity)
		if err != nil {
			return nil, err
		}
		n := min(s.effort.lookups, 20*s.rows)
		hits, err := s.traffic(ctx, local, n)
		entries := local.Local().(*ristrettotier.Cache).Stats().Tenants.Entries
		held, used = append(held, float64(entries)), append(used, heap()-before)
		if err = errors.Join(err, local.Close()); err != nil {
			return nil, err
		}
		ideal, reach := zipfShares(capacity, s.rows, n*3/2)
		points = append(points,
			point{Figure: "hit-ratio", Series: series, X: float64(percent), Value: round(hits), Baseline: round(ideal), Ratio: round(hits / reach)},
			point{Figure: "memory", Series: series, X: float64(percent), Value: round(used[len(used)-1])})
	}
	// What a cache takes that holds nothing is in all of them. The largest may not be
	// full: its counters would count as entries.
	const small, large = 0, 2
	if more := held[large] - held[small]; more >= 1000 { // else other garbage hides them
		points = append(points, point{
			Figure: "entry", Series: "one more entry", X: float64(s.rows), Value: round((used[large] - used[small]) / more),
		})
	}
	return points, nil
}

// traffic warms the cache up with n lookups, and returns the share of hits of n more.
func (s *site) traffic(ctx context.Context, local *tier.Store, n int) (float64, error) {
	zipf := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), zipfExponent, 1, uint64(s.rows-1))
	var before int64
	for i := range 2 * n {
		if i == n {
			before = local.Stats().Local.Hits
		}
		// Who is asked for most was not created first.
		if _, err := local.GetByIdentifier(ctx, s.sample.identifier(s.pick(int(zipf.Uint64())))); err != nil {
			return 0, err
		}
	}
	return float64(local.Stats().Local.Hits-before) / float64(n), nil
}

// zipfShares returns the probability of the n that are asked for most, and what is
// left of it without those that none of the lookups before has asked for.
func zipfShares(n, rows, before int) (all, seen float64) {
	var total float64
	for k := range rows {
		total += math.Pow(float64(k+1), -zipfExponent)
	}
	for k := range n {
		p := math.Pow(float64(k+1), -zipfExponent) / total
		all += p
		seen += p * (1 - math.Pow(1-p, float64(before)))
	}
	return all, seen
}

// heap returns the bytes that live in it.
func heap() float64 {
	runtime.GC()
	runtime.GC() // what the first one finalized
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
