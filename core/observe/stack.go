package observe

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// observedStack is the stack of caches below.
type observedStack struct {
	stack  *tier.Store
	taking sync.Mutex                 // the counts, so that older ones do not come later
	stats  atomic.Pointer[tier.Stats] // as of the last Refresh
	trace  StackTrace                 // nil if nobody wants it

	lookups, loads, lag Record // nil if nobody wants them
	skewed              atomic.Int64
}

// watch makes series of the stack below, if there is one. Its caches are called l1 and l2,
// from the outermost.
func (s *Store) watch(cfg Config) {
	stack, found := tier.Of(s.Next)
	if !found {
		return
	}
	o := &observedStack{stack: stack}
	s.stack = o
	o.refresh()
	local, shared := "", "l1"
	if c := stack.Local(); c != nil {
		local, shared = "l1", "l2"
		s.addCache(c, local, func(st *tier.Stats) *tier.CacheStats { return &st.Local })
	}
	if c := stack.Shared(); c != nil {
		s.addCache(c, shared, func(st *tier.Stats) *tier.CacheStats { return &st.Shared })
	} else {
		shared = ""
	}
	if cfg.Histogram != nil {
		o.loads, o.lag = cfg.Histogram(metricLoadDuration), cfg.Histogram(metricLogLag)
		if shared != "" {
			o.lookups = cfg.Histogram(metricCacheLookupDuration, shared)
		}
	}
	if cfg.StackTrace != nil {
		o.trace = cfg.StackTrace(local, shared)
	}
	stack.Observe(o)
	s.addLog()
}

// addCache adds the series of one cache.
func (s *Store) addCache(cache any, name string, of func(*tier.Stats) *tier.CacheStats) {
	add := func(m Metric, read func(*tier.CacheStats) int64, values ...string) {
		s.add(m, s.stack.of(func(st *tier.Stats) int64 { return read(of(st)) }), append([]string{name}, values...)...)
	}
	add(metricCacheLookups, func(st *tier.CacheStats) int64 { return st.Hits }, "hit")
	add(metricCacheLookups, func(st *tier.CacheStats) int64 { return st.Negatives }, "negative")
	add(metricCacheLookups, func(st *tier.CacheStats) int64 { return st.Stale }, "stale")
	add(metricCacheLookups, func(st *tier.CacheStats) int64 { return st.Misses }, "miss")
	add(metricCacheLookups, func(st *tier.CacheStats) int64 { return st.Unanswered }, "error")
	add(metricCacheStaleServed, func(st *tier.CacheStats) int64 { return st.ServedStale })
	add(metricCacheFills, func(st *tier.CacheStats) int64 { return st.Fills }, "ok")
	if _, local := cache.(tier.LocalCache); local {
		add(metricCacheRefreshes, func(st *tier.CacheStats) int64 { return st.Refreshes })
	} else {
		add(metricCacheFills, func(st *tier.CacheStats) int64 { return st.Uncacheable }, "uncacheable")
		add(metricCacheFills, func(st *tier.CacheStats) int64 { return st.Unfilled }, "error")
		add(metricCacheErrors, func(st *tier.CacheStats) int64 { return st.Errors })
		add(metricCacheDenied, func(st *tier.CacheStats) int64 { return st.Denied })
		add(metricCacheUnapplied, func(st *tier.CacheStats) int64 { return st.Unapplied })
	}
	s.addSpaces(cache, name)
	s.addBreaker(cache, name)
}

// addSpaces adds the series of a cache that knows what it holds.
func (s *Store) addSpaces(cache any, name string) {
	c, ok := cache.(interface{ Stats() CacheStats })
	if !ok {
		return
	}
	for kind, space := range map[string]func() SpaceStats{
		"tenant":   func() SpaceStats { return c.Stats().Tenants },
		"negative": func() SpaceStats { return c.Stats().Negatives },
	} {
		add := func(m Metric, read func(SpaceStats) float64, values ...string) {
			s.add(m, func() float64 { return read(space()) }, append([]string{name, kind}, values...)...)
		}
		add(metricCacheEntries, func(st SpaceStats) float64 { return count(st.Entries) })
		add(metricCacheFillRatio, func(st SpaceStats) float64 { return count(st.Used) / count(max(1, st.Capacity)) })
		add(metricCacheEvictions, func(st SpaceStats) float64 { return count(st.Evictions) }, "capacity")
		add(metricCacheEvictions, func(st SpaceStats) float64 { return count(st.Rejections) }, "rejected")
		add(metricCacheEvictions, func(st SpaceStats) float64 { return count(st.Expired) }, "expired")
		add(metricCacheEvictions, func(st SpaceStats) float64 { return count(st.Cleared) }, "cleared")
	}
}

// addBreaker adds the series of a cache or bus with a circuit breaker.
func (s *Store) addBreaker(of any, name string) {
	b, ok := of.(interface{ BreakerStats() BreakerStats })
	if !ok {
		return
	}
	for state, changes := range map[BreakerState]func(BreakerStats) int64{
		BreakerOpen:     func(st BreakerStats) int64 { return st.Opened },
		BreakerHalfOpen: func(st BreakerStats) int64 { return st.HalfOpened },
		BreakerClosed:   func(st BreakerStats) int64 { return st.Closed },
	} {
		label := strings.ReplaceAll(state.String(), "-", "_")
		s.add(metricBreakerState, func() float64 { return boolean(b.BreakerStats().State == state) }, name, label)
		s.add(metricBreakerTransitions, func() float64 { return count(changes(b.BreakerStats())) }, name, label)
	}
	s.add(metricBreakerFailures, func() float64 { return count(b.BreakerStats().Failures) }, name)
	s.add(metricBreakerRefused, func() float64 { return count(b.BreakerStats().Refused) }, name)
}

// addLog adds the series of the loads, the log and the bus.
func (s *Store) addLog() {
	o := s.stack
	add := func(m Metric, read func(*tier.Stats) int64, values ...string) { s.add(m, o.of(read), values...) }
	add(metricLoadsCoalesced, func(st *tier.Stats) int64 { return st.Coalesced })
	add(metricLoadsInFlight, func(st *tier.Stats) int64 { return int64(st.InFlight) })
	s.add(metricLogServing, func() float64 { return boolean(o.stats.Load().Serving) })
	s.add(metricLogLastContact, func() float64 { return timestamp(o.stats.Load().LastContact) })
	add(metricLogRevision, func(st *tier.Stats) int64 { return int64(st.Position.Revision) })
	add(metricLogUnfollowed, func(st *tier.Stats) int64 { return st.Unfollowed })
	s.add(metricLogClockSkew, func() float64 { return count(o.skewed.Load()) })
	add(metricInvalidations, func(st *tier.Stats) int64 { return st.Changes }, "change")
	add(metricInvalidations, func(st *tier.Stats) int64 { return st.Compacted }, "compacted")
	add(metricInvalidations, func(st *tier.Stats) int64 { return st.Diverged }, "diverged")
	add(metricInvalidations, func(st *tier.Stats) int64 { return st.Flushed }, "requested")
	bus := o.stack.Bus()
	if bus == nil {
		return
	}
	add(metricBusMessages, func(st *tier.Stats) int64 { return st.Published }, "sent", "ok")
	add(metricBusMessages, func(st *tier.Stats) int64 { return st.Unpublished }, "sent", "error")
	add(metricBusMessages, func(st *tier.Stats) int64 { return st.Received }, "received", "ok")
	add(metricBusResubscriptions, func(st *tier.Stats) int64 { return st.Resubscribed })
	s.add(metricBusLastMessage, func() float64 { return timestamp(o.stats.Load().LastReceived) })
	if b, ok := bus.(interface{ Connected() bool }); ok {
		s.add(metricBusConnected, func() float64 { return boolean(b.Connected()) })
	}
	s.addBreaker(bus, "bus")
}

func (o *observedStack) refresh() {
	o.taking.Lock()
	defer o.taking.Unlock()
	st := o.stack.Stats()
	o.stats.Store(&st)
}

func (o *observedStack) of(read func(*tier.Stats) int64) func() float64 {
	return func() float64 { return count(read(o.stats.Load())) }
}

// begun is the key of the time at which work began.
type begun struct {
	*observedStack
	tier.Work
}

// Begin implements [tier.Observer].
func (o *observedStack) Begin(ctx context.Context, w tier.Work, kind tenancy.KeyKind) context.Context {
	if o.trace != nil {
		ctx = o.trace.Begin(ctx, w, kind)
	}
	if o.record(w) != nil {
		ctx = context.WithValue(ctx, begun{o, w}, time.Now())
	}
	return ctx
}

// End implements [tier.Observer].
func (o *observedStack) End(ctx context.Context, w tier.Work, err error) {
	if record := o.record(w); record != nil {
		if at, ok := ctx.Value(begun{o, w}).(time.Time); ok {
			record(ctx, time.Since(at), err)
		}
	}
	if o.trace != nil {
		o.trace.End(ctx, w, err)
	}
}

func (o *observedStack) record(w tier.Work) Record {
	switch w {
	case tier.WorkGet:
		return o.lookups
	case tier.WorkLoad:
		return o.loads
	}
	return nil
}

// Obeyed implements [tier.Observer].
func (o *observedStack) Obeyed(c tenancy.Change) {
	lag := time.Since(c.At)
	if lag < 0 {
		o.skewed.Add(1)
		lag = 0
	}
	if o.lag != nil {
		o.lag(context.Background(), lag, nil)
	}
}
