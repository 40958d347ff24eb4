package observe

import (
	"fmt"

	"github.com/go-tenancy/tenantstore/core/internal/nilvalue"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenantpool"
)

// Pool is a [tenantpool.Pool] of any resource.
type Pool interface{ State() tenantpool.State }

// PoolSeries returns the series of a pool. It fails with [tenancy.ErrInvalid] if p is nil.
func PoolSeries(p Pool) ([]Series, error) {
	if nilvalue.Is(p) {
		return nil, &tenancy.Error{Op: "PoolSeries", Err: fmt.Errorf("%w: observe: the pool is nil", tenancy.ErrInvalid)}
	}
	var all []Series
	add := func(m Metric, read func(tenantpool.State) float64, values ...string) {
		all = append(all, Series{m, values, func() float64 { return read(p.State()) }})
	}
	number := func(m Metric, read func(tenantpool.State) int, values ...string) {
		add(m, func(s tenantpool.State) float64 { return float64(read(s)) }, values...)
	}
	counter := func(m Metric, read func(tenantpool.State) int64, values ...string) {
		add(m, func(s tenantpool.State) float64 { return count(read(s)) }, values...)
	}
	number(metricPoolResources, func(s tenantpool.State) int { return s.Opening }, "opening")
	number(metricPoolResources, func(s tenantpool.State) int { return s.Leased }, "leased")
	number(metricPoolResources, func(s tenantpool.State) int { return s.Idle }, "idle")
	number(metricPoolResources, func(s tenantpool.State) int { return s.Draining }, "draining")
	number(metricPoolLimit, func(s tenantpool.State) int { return s.Max })
	number(metricPoolTenants, func(s tenantpool.State) int { return s.Waiting }, "waiting")
	number(metricPoolTenants, func(s tenantpool.State) int { return s.Failing }, "failing")
	counter(metricPoolGets, func(s tenantpool.State) int64 { return s.Hits }, "hit")
	counter(metricPoolGets, func(s tenantpool.State) int64 { return s.Waited }, "waited")
	counter(metricPoolGets, func(s tenantpool.State) int64 { return s.Refused }, "not_served")
	counter(metricPoolGets, func(s tenantpool.State) int64 { return s.Failed }, "failed")
	counter(metricPoolGets, func(s tenantpool.State) int64 { return s.Exhausted }, "exhausted")
	counter(metricPoolOpens, func(s tenantpool.State) int64 { return s.Opened }, "ok")
	counter(metricPoolOpens, func(s tenantpool.State) int64 { return s.OpenFailures }, "error")
	counter(metricPoolCloses, func(s tenantpool.State) int64 { return s.Changed }, "changed")
	counter(metricPoolCloses, func(s tenantpool.State) int64 { return s.NotServed }, "not_served")
	counter(metricPoolCloses, func(s tenantpool.State) int64 { return s.Stale }, "stale")
	counter(metricPoolCloses, func(s tenantpool.State) int64 { return s.IdleEnded }, "idle")
	counter(metricPoolCloses, func(s tenantpool.State) int64 { return s.Evicted }, "evicted")
	counter(metricPoolForced, func(s tenantpool.State) int64 { return s.Forced })
	return all, nil
}
