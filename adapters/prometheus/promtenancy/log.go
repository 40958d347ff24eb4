package promtenancy

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/go-tenancy/tenantstore/adapters/prometheus/internal/metrics"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// logSeries are those of the log and the bus, of which a stack has one each,
// whatever the number of its tiers.
func logSeries(tiers []*tierSeries, f family) (all []prometheus.Collector) {
	s := tiers[0] // every tier knows the counts of the follower
	add := func(m metrics.Metric, read func(*tier.Stats) int64, values ...string) {
		all = append(all, f.series(m, s.of(read), values...))
	}
	all = append(all,
		f.series(metrics.LogServing, func() float64 { return boolean(s.stats.Load().Serving) }),
		f.series(metrics.LogLastContact, func() float64 { return timestamp(s.stats.Load().LastContact) }))
	add(metrics.LogRevision, func(st *tier.Stats) int64 { return int64(st.Position.Revision) })
	add(metrics.LogUnfollowed, func(st *tier.Stats) int64 { return st.Unfollowed })
	add(metrics.Invalidations, func(st *tier.Stats) int64 { return st.Changes }, "change")
	add(metrics.Invalidations, func(st *tier.Stats) int64 { return st.Compacted }, "compacted")
	add(metrics.Invalidations, func(st *tier.Stats) int64 { return st.Diverged }, "diverged")
	add(metrics.Invalidations, func(st *tier.Stats) int64 { return st.Flushed }, "requested")

	innermost := tiers[len(tiers)-1] // follows the log
	all = append(all, innermost.lag,
		f.series(metrics.LogClockSkew, func() float64 { return count(innermost.skewed.Load()) }))
	for _, t := range tiers {
		bus := t.tier.Bus()
		if bus == nil {
			continue
		}
		add(metrics.BusMessages, func(st *tier.Stats) int64 { return st.Published }, "sent", "ok")
		add(metrics.BusMessages, func(st *tier.Stats) int64 { return st.Unpublished }, "sent", "error")
		add(metrics.BusMessages, func(st *tier.Stats) int64 { return st.Received }, "received", "ok")
		add(metrics.BusResubscriptions, func(st *tier.Stats) int64 { return st.Resubscribed })
		all = append(all, f.series(metrics.BusLastMessage, func() float64 { return timestamp(s.stats.Load().LastReceived) }))
		if b, ok := bus.(interface{ Connected() bool }); ok {
			all = append(all, f.series(metrics.BusConnected, func() float64 { return boolean(b.Connected()) }))
		}
		all = append(all, breakerSeries(bus, f, "bus")...)
		break // the counts are of all buses of the stack
	}
	return all
}

// breakerSeries are those of a cache or bus with a circuit breaker.
func breakerSeries(of any, f family, name string) (all []prometheus.Collector) {
	b, ok := of.(interface{ BreakerStats() tier.BreakerStats })
	if !ok {
		return nil
	}
	for state, changes := range map[tier.BreakerState]func(tier.BreakerStats) int64{
		tier.BreakerOpen:     func(st tier.BreakerStats) int64 { return st.Opened },
		tier.BreakerHalfOpen: func(st tier.BreakerStats) int64 { return st.HalfOpened },
		tier.BreakerClosed:   func(st tier.BreakerStats) int64 { return st.Closed },
	} {
		label := strings.ReplaceAll(state.String(), "-", "_")
		all = append(all,
			f.series(metrics.BreakerState, func() float64 { return boolean(b.BreakerStats().State == state) }, name, label),
			f.series(metrics.BreakerTransitions, func() float64 { return count(changes(b.BreakerStats())) }, name, label))
	}
	return append(all,
		f.series(metrics.BreakerFailures, func() float64 { return count(b.BreakerStats().Failures) }, name),
		f.series(metrics.BreakerRefused, func() float64 { return count(b.BreakerStats().Refused) }, name))
}
