package observe

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// watchReplica makes series of the outermost replica below.
func (s *Store) watchReplica(cfg Config) {
	for r := range replica.Walk(s.Next) {
		s.addReplica(r)
		if s.stack == nil { // else its are the series of the log
			s.addReplicaLog(r, cfg)
		}
		return
	}
}

func (s *Store) addReplica(r *replica.Store) {
	for _, phase := range replica.Phases() {
		s.add(metricReplicaPhase, func() float64 { return boolean(r.State().Phase == phase) }, string(phase))
	}
	s.add(metricReplicaTenants, func() float64 { return count(int64(r.State().Tenants)) })
	s.add(metricReplicaScans, func() float64 { return count(r.State().Scans) })
	s.add(metricReplicaSnapshot, func() float64 { return timestamp(r.State().Snapshot) })
	s.add(metricReplicaLookups, func() float64 { return count(r.Stats().Hits) }, "hit")
	s.add(metricReplicaLookups, func() float64 { return count(r.Stats().Negatives) }, "negative")
	s.add(metricReplicaLookups, func() float64 { return count(r.Stats().Below) }, "source")
}

// addReplicaLog adds the series of the log and the bus.
func (s *Store) addReplicaLog(r *replica.Store, cfg Config) {
	add := func(m Metric, read func(replica.Stats) int64, values ...string) {
		s.add(m, func() float64 { return count(read(r.Stats())) }, values...)
	}
	s.add(metricLogServing, func() float64 { return boolean(r.Stats().Serving) })
	s.add(metricLogLastContact, func() float64 { return timestamp(r.Stats().LastContact) })
	add(metricLogRevision, func(st replica.Stats) int64 { return int64(st.Position.Revision) })
	add(metricLogUnfollowed, func(st replica.Stats) int64 { return st.Unfollowed })
	add(metricInvalidations, func(st replica.Stats) int64 { return st.Changes }, "change")
	add(metricInvalidations, func(st replica.Stats) int64 { return st.Compacted }, "compacted")
	add(metricInvalidations, func(st replica.Stats) int64 { return st.Diverged }, "diverged")
	skewed := &atomic.Int64{}
	s.add(metricLogClockSkew, func() float64 { return count(skewed.Load()) })
	var lag Record
	if cfg.Histogram != nil {
		lag = cfg.Histogram(metricLogLag)
	}
	r.Observe(func(c tenancy.Change) {
		took := time.Since(c.At)
		if took < 0 {
			skewed.Add(1)
		}
		if lag != nil {
			lag(context.Background(), max(took, 0), nil)
		}
	})
	if r.Bus() == nil {
		return
	}
	add(metricBusMessages, func(st replica.Stats) int64 { return st.Published }, "sent", "ok")
	add(metricBusMessages, func(st replica.Stats) int64 { return st.Unpublished }, "sent", "error")
	add(metricBusMessages, func(st replica.Stats) int64 { return st.Received }, "received", "ok")
	add(metricBusResubscriptions, func(st replica.Stats) int64 { return st.Resubscribed })
	s.add(metricBusLastMessage, func() float64 { return timestamp(r.Stats().LastReceived) })
	if b, ok := r.Bus().(interface{ Connected() bool }); ok {
		s.add(metricBusConnected, func() float64 { return boolean(b.Connected()) })
	}
	s.addBreaker(r.Bus(), "bus")
}
