package observe

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// observedTier is one tier of the stack below.
type observedTier struct {
	tier   *tier.Store
	name   string
	taking sync.Mutex                 // the counts, so that older ones do not come later
	stats  atomic.Pointer[tier.Stats] // as of the last Refresh
	trace  TierTrace                  // nil if nobody wants it

	lookups, loads, lag Record // nil if nobody wants them
	skewed              atomic.Int64
}

// watch makes series of the tiers below.
func (s *Store) watch(cfg Config) {
	for t := range tier.Walk(s.Next) {
		one := &observedTier{tier: t, name: fmt.Sprintf("l%d", len(s.tiers)+1)}
		one.refresh()
		s.tiers = append(s.tiers, one)
	}
	for i, t := range s.tiers {
		last := i == len(s.tiers)-1
		s.addTier(t)
		shared := t.tier.Cache().Shared()
		if cfg.Histogram != nil {
			t.loads = cfg.Histogram(metricCacheLoadDuration, t.name)
			if shared {
				t.lookups = cfg.Histogram(metricCacheLookupDuration, t.name)
			}
			if last {
				t.lag = cfg.Histogram(metricLogLag)
			}
		}
		if cfg.TierTrace != nil {
			t.trace = cfg.TierTrace(t.name, last)
		}
		t.tier.Observe(t)
	}
	if len(s.tiers) > 0 {
		s.addLog(s.tiers[0], s.tiers[len(s.tiers)-1])
	}
}

// addTier adds the series of one tier.
func (s *Store) addTier(t *observedTier) {
	add := func(m Metric, read func(*tier.Stats) int64, values ...string) {
		s.add(m, t.of(read), append([]string{t.name}, values...)...)
	}
	add(metricCacheLookups, func(st *tier.Stats) int64 { return st.Hits }, "hit")
	add(metricCacheLookups, func(st *tier.Stats) int64 { return st.Negatives }, "negative")
	add(metricCacheLookups, func(st *tier.Stats) int64 { return st.Stale }, "stale")
	add(metricCacheLookups, func(st *tier.Stats) int64 { return st.Misses }, "miss")
	add(metricCacheLookups, func(st *tier.Stats) int64 { return st.Unanswered }, "error")
	add(metricCacheStaleServed, func(st *tier.Stats) int64 { return st.ServedStale })
	add(metricCacheFills, func(st *tier.Stats) int64 { return st.Fills }, "ok")
	add(metricCacheFills, func(st *tier.Stats) int64 { return st.Uncacheable }, "uncacheable")
	add(metricCacheFills, func(st *tier.Stats) int64 { return st.Unfilled }, "error")
	add(metricCacheCoalesced, func(st *tier.Stats) int64 { return st.Coalesced })
	add(metricCacheLoadsInFlight, func(st *tier.Stats) int64 { return int64(st.InFlight) })
	add(metricCacheRefreshes, func(st *tier.Stats) int64 { return st.Refreshes })
	add(metricCacheErrors, func(st *tier.Stats) int64 { return st.Errors })
	add(metricCacheDenied, func(st *tier.Stats) int64 { return st.Denied })
	if t.tier.Cache().Shared() {
		add(metricCacheUnapplied, func(st *tier.Stats) int64 { return st.Unapplied })
	}
	s.addSpaces(t.tier.Cache(), t.name)
	s.addBreaker(t.tier.Cache(), t.name)
}

// addSpaces adds the series of a cache that knows what it holds.
func (s *Store) addSpaces(cache tier.Cache, name string) {
	c, ok := cache.(interface{ Stats() tier.CacheStats })
	if !ok {
		return
	}
	for kind, space := range map[string]func() tier.SpaceStats{
		"tenant":   func() tier.SpaceStats { return c.Stats().Tenants },
		"negative": func() tier.SpaceStats { return c.Stats().Negatives },
	} {
		add := func(m Metric, read func(tier.SpaceStats) float64, values ...string) {
			s.add(m, func() float64 { return read(space()) }, append([]string{name, kind}, values...)...)
		}
		add(metricCacheEntries, func(st tier.SpaceStats) float64 { return count(st.Entries) })
		add(metricCacheFillRatio, func(st tier.SpaceStats) float64 { return count(st.Used) / count(max(1, st.Capacity)) })
		add(metricCacheEvictions, func(st tier.SpaceStats) float64 { return count(st.Evictions) }, "capacity")
		add(metricCacheEvictions, func(st tier.SpaceStats) float64 { return count(st.Rejections) }, "rejected")
		add(metricCacheEvictions, func(st tier.SpaceStats) float64 { return count(st.Expired) }, "expired")
		add(metricCacheEvictions, func(st tier.SpaceStats) float64 { return count(st.Cleared) }, "cleared")
	}
}

// addBreaker adds the series of a cache or bus with a circuit breaker.
func (s *Store) addBreaker(of any, name string) {
	b, ok := of.(interface{ BreakerStats() tier.BreakerStats })
	if !ok {
		return
	}
	for state, changes := range map[tier.BreakerState]func(tier.BreakerStats) int64{
		tier.BreakerOpen:     func(st tier.BreakerStats) int64 { return st.Opened },
		tier.BreakerHalfOpen: func(st tier.BreakerStats) int64 { return st.HalfOpened },
		tier.BreakerClosed:   func(st tier.BreakerStats) int64 { return st.Closed },
	} {
		label := strings.ReplaceAll(state.String(), "-", "_")
		s.add(metricBreakerState, func() float64 { return boolean(b.BreakerStats().State == state) }, name, label)
		s.add(metricBreakerTransitions, func() float64 { return count(changes(b.BreakerStats())) }, name, label)
	}
	s.add(metricBreakerFailures, func() float64 { return count(b.BreakerStats().Failures) }, name)
	s.add(metricBreakerRefused, func() float64 { return count(b.BreakerStats().Refused) }, name)
}

// addLog adds the series of the log and the bus, of which a stack has one each,
// whatever the number of its tiers. All tiers know the counts of the follower, the
// innermost one is told of changes.
func (s *Store) addLog(outermost, innermost *observedTier) {
	stats := &outermost.stats
	add := func(m Metric, read func(*tier.Stats) int64, values ...string) {
		s.add(m, outermost.of(read), values...)
	}
	s.add(metricLogServing, func() float64 { return boolean(stats.Load().Serving) })
	s.add(metricLogLastContact, func() float64 { return timestamp(stats.Load().LastContact) })
	add(metricLogRevision, func(st *tier.Stats) int64 { return int64(st.Position.Revision) })
	add(metricLogUnfollowed, func(st *tier.Stats) int64 { return st.Unfollowed })
	s.add(metricLogClockSkew, func() float64 { return count(innermost.skewed.Load()) })
	add(metricInvalidations, func(st *tier.Stats) int64 { return st.Changes }, "change")
	add(metricInvalidations, func(st *tier.Stats) int64 { return st.Compacted }, "compacted")
	add(metricInvalidations, func(st *tier.Stats) int64 { return st.Diverged }, "diverged")
	add(metricInvalidations, func(st *tier.Stats) int64 { return st.Flushed }, "requested")
	for _, t := range s.tiers {
		bus := t.tier.Bus()
		if bus == nil {
			continue
		}
		add(metricBusMessages, func(st *tier.Stats) int64 { return st.Published }, "sent", "ok")
		add(metricBusMessages, func(st *tier.Stats) int64 { return st.Unpublished }, "sent", "error")
		add(metricBusMessages, func(st *tier.Stats) int64 { return st.Received }, "received", "ok")
		add(metricBusResubscriptions, func(st *tier.Stats) int64 { return st.Resubscribed })
		s.add(metricBusLastMessage, func() float64 { return timestamp(stats.Load().LastReceived) })
		if b, ok := bus.(interface{ Connected() bool }); ok {
			s.add(metricBusConnected, func() float64 { return boolean(b.Connected()) })
		}
		s.addBreaker(bus, "bus")
		return // the counts are those of all buses of the stack
	}
}

func (t *observedTier) refresh() {
	t.taking.Lock()
	defer t.taking.Unlock()
	st := t.tier.Stats()
	t.stats.Store(&st)
}

func (t *observedTier) of(read func(*tier.Stats) int64) func() float64 {
	return func() float64 { return count(read(t.stats.Load())) }
}

// begun is the key of the time at which work of a tier began.
type begun struct{ *observedTier }

// Begin implements [tier.Observer].
func (t *observedTier) Begin(ctx context.Context, w tier.Work, kind tenancy.KeyKind) context.Context {
	if t.trace != nil {
		ctx = t.trace.Begin(ctx, w, kind)
	}
	if t.record(w) != nil {
		ctx = context.WithValue(ctx, begun{t}, time.Now())
	}
	return ctx
}

// End implements [tier.Observer].
func (t *observedTier) End(ctx context.Context, w tier.Work, err error) {
	if record := t.record(w); record != nil {
		if at, ok := ctx.Value(begun{t}).(time.Time); ok {
			record(ctx, time.Since(at), err)
		}
	}
	if t.trace != nil {
		t.trace.End(ctx, w, err)
	}
}

func (t *observedTier) record(w tier.Work) Record {
	switch w {
	case tier.WorkGet:
		return t.lookups
	case tier.WorkLoad:
		return t.loads
	}
	return nil
}

// Obeyed implements [tier.Observer].
func (t *observedTier) Obeyed(c tenancy.Change) {
	lag := time.Since(c.At)
	if lag < 0 {
		t.skewed.Add(1)
		lag = 0
	}
	if t.lag != nil {
		t.lag(context.Background(), lag, nil)
	}
}
