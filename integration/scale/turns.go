package main

import (
	"context"
	"slices"
	"time"
)

// call is what is timed, the ith time; it returns what it took, so that it can
// leave out what it does before and after.
type call func(ctx context.Context, i int) (time.Duration, error)

// whole times all of f.
func whole(f func(ctx context.Context, i int) error) call {
	return func(ctx context.Context, i int) (time.Duration, error) {
		began := time.Now()
		err := f(ctx, i)
		return time.Since(began), err
	}
}

// timing is what a call takes.
type timing struct {
	seconds float64 // median of the rounds
	ratio   float64 // to the first call: median of the ratios of the rounds
}

// turns times the calls in turns, so that all of them meet the same noise. Each
// round gives each the same time.
func turns(ctx context.Context, e effort, calls ...call) ([]timing, error) {
	began := time.Now()
	next := make([]int, len(calls))
	times := make([][]float64, len(calls))
	repeat := make([]int, len(calls))
	slice := e.budget / time.Duration(20*len(calls))
	for k, c := range calls {
		if _, err := mean(ctx, c, &next[k], 1); err != nil { // what is slow only once
			return nil, err
		}
		one, err := mean(ctx, c, &next[k], 1)
		if err != nil {
			return nil, err
		}
		repeat[k] = max(1, int(slice.Seconds()/max(one, 1e-7)))
	}
	for n := 0; n < e.rounds || time.Since(began) < e.budget; n++ {
		for j := range calls {
			k := j
			if n%2 == 1 {
				k = len(calls) - 1 - j
			}
			t, err := mean(ctx, calls[k], &next[k], repeat[k])
			if err != nil {
				return nil, err
			}
			times[k] = append(times[k], t)
		}
	}
	out := make([]timing, len(calls))
	for k, own := range times {
		ratios := make([]float64, len(own))
		for n, t := range own {
			ratios[n] = t / times[0][n]
		}
		out[k] = timing{median(own), median(ratios)}
	}
	return out, nil
}

// mean returns the seconds of one of n calls.
func mean(ctx context.Context, c call, next *int, n int) (float64, error) {
	var total time.Duration
	for range n {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		took, err := c(ctx, *next)
		if err != nil {
			return 0, err
		}
		total += took
		*next++
	}
	return max(total, 1).Seconds() / float64(n), nil
}

// median leaves values as they are.
func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}
