package observe

import "strings"

// Metric describes what a stack can be asked for. Its values are Series, of which
// there is one for each combination of values of its labels that can occur.
type Metric struct {
	Name   string // in the way of OpenTelemetry: "tenancy.cache.lookups"
	Type   Type
	Unit   string // in UCUM: "s", "1" for a ratio, "{lookup}"
	Help   string
	Labels []string // "tier" is tenancy_tier in Prometheus, tenancy.tier in OpenTelemetry
}

// Type is the type of a metric.
type Type uint8

// The types.
const (
	Counter   Type = iota // never goes down
	Gauge                 // a value of which only the last counts: a time, a ratio
	Sum                   // a value that may be added up: entries, 1 for a state
	Histogram             // of durations
)

// PrometheusName returns the name in the way of Prometheus, which is also what an
// exporter makes of Name: "tenancy_cache_lookups_total".
func (m Metric) PrometheusName() string {
	name := strings.ReplaceAll(m.Name, ".", "_")
	switch m.Unit {
	case "s":
		name += "_seconds"
	case "1":
		name += "_ratio"
	}
	if m.Type == Counter {
		name += "_total"
	}
	return name
}

// Buckets returns upper bounds for a Histogram, in seconds: from the microsecond of
// a hit to the seconds of a database in trouble; for a lag, from a millisecond to
// minutes.
func (m Metric) Buckets() []float64 {
	if m.Name == metricLogLag.Name {
		return []float64{1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300}
	}
	return []float64{1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1, 3, 10}
}
