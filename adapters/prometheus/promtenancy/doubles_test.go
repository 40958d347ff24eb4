package promtenancy_test

import (
	"fmt"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/core/observe"
)

// measured is a local cache that says what it holds.
type measured struct {
	*faults.Local
	mu    sync.Mutex
	stats observe.CacheStats
}

func (c *measured) Stats() observe.CacheStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

// cache has a name that is not that of one of its methods.
type cache = faults.Shared

// guarded is a shared cache, and guardedBus a bus, with a breaker.
type guarded struct {
	*cache
	breaker
}

type guardedBus struct {
	*faults.Bus
	breaker
	connected bool
}

func (b *guardedBus) Connected() bool { return b.connected }

type breaker struct {
	mu    sync.Mutex
	stats observe.BreakerStats
}

func (b *breaker) BreakerStats() observe.BreakerStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stats
}

func (b *breaker) set(st observe.BreakerStats) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stats = st
}

// scrape returns every series of c, by name and labels in order, as in the text
// format, without the prefix of the labels; of a histogram its count.
func scrape(c prometheus.Collector) (map[string]float64, error) {
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(c); err != nil {
		return nil, err
	}
	families, err := registry.Gather()
	if err != nil {
		return nil, err
	}
	series := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName() + "{"
			for i, l := range m.GetLabel() {
				if i > 0 {
					name += ","
				}
				label, ok := strings.CutPrefix(l.GetName(), "tenancy_")
				if !ok {
					return nil, fmt.Errorf("%s has the label %s, which has no prefix", f.GetName(), l.GetName())
				}
				name += label + "=" + l.GetValue()
			}
			series[name+"}"] = value(m)
		}
	}
	return series, nil
}

func value(m *dto.Metric) float64 {
	switch {
	case m.Counter != nil:
		return m.GetCounter().GetValue()
	case m.Histogram != nil:
		return float64(m.GetHistogram().GetSampleCount())
	}
	return m.GetGauge().GetValue()
}
