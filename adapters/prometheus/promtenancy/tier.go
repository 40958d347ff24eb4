package promtenancy

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/go-tenancy/tenantstore/adapters/prometheus/internal/metrics"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// tierSeries are the series of one tier.
type tierSeries struct {
	tier   *tier.Store
	name   string // l1 is the outermost one
	series []prometheus.Collector
	stats  atomic.Pointer[tier.Stats] // as of the last scrape

	lookups, loads prometheus.Histogram
	lag            prometheus.Histogram
	skewed         atomic.Int64
}

func newTierSeries(t *tier.Store, f family, place int) *tierSeries {
	s := &tierSeries{tier: t, name: fmt.Sprintf("l%d", place)}
	s.read()
	add := func(m metrics.Metric, read func(*tier.Stats) int64, values ...string) {
		s.series = append(s.series, f.series(m, s.of(read), append([]string{s.name}, values...)...))
	}
	add(metrics.CacheLookups, func(st *tier.Stats) int64 { return st.Hits }, "hit")
	add(metrics.CacheLookups, func(st *tier.Stats) int64 { return st.Negatives }, "negative")
	add(metrics.CacheLookups, func(st *tier.Stats) int64 { return st.Stale }, "stale")
	add(metrics.CacheLookups, func(st *tier.Stats) int64 { return st.Misses }, "miss")
	add(metrics.CacheLookups, func(st *tier.Stats) int64 { return st.Unanswered }, "error")
	add(metrics.CacheStaleServed, func(st *tier.Stats) int64 { return st.ServedStale })
	add(metrics.CacheFills, func(st *tier.Stats) int64 { return st.Fills }, "ok")
	add(metrics.CacheFills, func(st *tier.Stats) int64 { return st.Uncacheable }, "uncacheable")
	add(metrics.CacheFills, func(st *tier.Stats) int64 { return st.Unfilled }, "error")
	add(metrics.CacheCoalesced, func(st *tier.Stats) int64 { return st.Coalesced })
	add(metrics.CacheLoadsInFlight, func(st *tier.Stats) int64 { return int64(st.InFlight) })
	add(metrics.CacheRefreshes, func(st *tier.Stats) int64 { return st.Refreshes })
	add(metrics.CacheErrors, func(st *tier.Stats) int64 { return st.Errors })
	add(metrics.CacheDenied, func(st *tier.Stats) int64 { return st.Denied })
	s.loads = f.histogram(metrics.CacheLoadDuration, fromMicros(), s.name)
	s.series = append(s.series, s.loads)
	if t.Cache().Shared() {
		add(metrics.CacheUnapplied, func(st *tier.Stats) int64 { return st.Unapplied })
		s.lookups = f.histogram(metrics.CacheLookupDuration, fromMicros(), s.name)
		s.series = append(s.series, s.lookups)
	}
	s.series = append(s.series, spaceSeries(t.Cache(), f, s.name)...)
	s.series = append(s.series, breakerSeries(t.Cache(), f, s.name)...)
	s.lag = f.histogram(metrics.LogLag, fromMillis())
	t.Observe(s)
	return s
}

// read takes the counts of the tier, once for each scrape.
func (s *tierSeries) read() {
	st := s.tier.Stats()
	s.stats.Store(&st)
}

func (s *tierSeries) of(read func(*tier.Stats) int64) func() float64 {
	return func() float64 { return count(read(s.stats.Load())) }
}

// begun is the key of the time at which work began.
type begun struct{ *tierSeries }

// Begin implements [tier.Observer].
func (s *tierSeries) Begin(ctx context.Context, w tier.Work, _ tenancy.KeyKind) context.Context {
	if s.duration(w) == nil {
		return ctx
	}
	return context.WithValue(ctx, begun{s}, time.Now())
}

// End implements [tier.Observer].
func (s *tierSeries) End(ctx context.Context, w tier.Work, _ error) {
	if h := s.duration(w); h != nil {
		if t, ok := ctx.Value(begun{s}).(time.Time); ok {
			h.Observe(time.Since(t).Seconds())
		}
	}
}

func (s *tierSeries) duration(w tier.Work) prometheus.Histogram {
	switch w {
	case tier.WorkGet:
		return s.lookups
	case tier.WorkLoad:
		return s.loads
	}
	return nil
}

// Obeyed implements [tier.Observer].
func (s *tierSeries) Obeyed(c tenancy.Change) {
	lag := time.Since(c.At)
	if lag < 0 {
		s.skewed.Add(1)
		lag = 0
	}
	s.lag.Observe(lag.Seconds())
}

// spaceSeries are those of a cache that knows what it holds.
func spaceSeries(cache tier.Cache, f family, name string) (all []prometheus.Collector) {
	c, ok := cache.(interface{ Stats() tier.CacheStats })
	if !ok {
		return nil
	}
	for kind, space := range map[string]func() tier.SpaceStats{
		"tenant":   func() tier.SpaceStats { return c.Stats().Tenants },
		"negative": func() tier.SpaceStats { return c.Stats().Negatives },
	} {
		add := func(m metrics.Metric, read func(tier.SpaceStats) float64, values ...string) {
			all = append(all, f.series(m, func() float64 { return read(space()) }, append([]string{name, kind}, values...)...))
		}
		add(metrics.CacheEntries, func(s tier.SpaceStats) float64 { return count(s.Entries) })
		add(metrics.CacheFillRatio, func(s tier.SpaceStats) float64 { return count(s.Used) / count(max(1, s.Capacity)) })
		add(metrics.CacheEvictions, func(s tier.SpaceStats) float64 { return count(s.Evictions) }, "capacity")
		add(metrics.CacheEvictions, func(s tier.SpaceStats) float64 { return count(s.Rejections) }, "rejected")
		add(metrics.CacheEvictions, func(s tier.SpaceStats) float64 { return count(s.Expired) }, "expired")
		add(metrics.CacheEvictions, func(s tier.SpaceStats) float64 { return count(s.Cleared) }, "cleared")
	}
	return all
}
