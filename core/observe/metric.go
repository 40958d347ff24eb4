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
