package mixin

import (
	"fmt"
	"strings"

	"github.com/go-tenancy/tenantstore/core/observe"
)

// Files returns what is committed, by path from the root of the repository.
func Files() (map[string]string, error) {
	dashboard, err := Dashboard()
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"docs/metrics.md": Document(),
		"adapters/prometheus/dashboards/tenantstore.json": dashboard,
		"adapters/prometheus/rules/tenantstore.yaml":      Rules(),
		"adapters/prometheus/rules/tenantstore-test.yaml": Tests(),
	}, nil
}

// Document returns the list of metrics for people.
func Document() string {
	var b strings.Builder
	b.WriteString(`# Metrics

<!-- Made by go generate in adapters/prometheus from core/observe. Do not edit. -->

What [promtenancy](../adapters/prometheus) and [oteltenancy](../adapters/otel) export. In Prometheus, each label below
has the prefix ` + "`tenancy_`" + `, in OpenTelemetry it is an attribute with the prefix ` + "`tenancy.`" + `: an exporter makes of
the second names what promtenancy has, and one dashboard and one set of rules serve both. Every series also has the
label ` + "`store`" + `.

Every series exists from start-up. In OpenTelemetry, a histogram comes with its first measurement, and ` + "`tenancy.tenants`" + ` with its
first count; durations of failed work, except those of HTTP, also have ` + "`error.type`" + ` if the store is to blame.

` + "`tenancy_operation_duration_seconds`" + ` is sampled for lookups, so it undercounts: compute rates from
` + "`tenancy_operations_total`" + `.

| Prometheus | OpenTelemetry | type, unit | labels | what |
|---|---|---|---|---|
`)
	for _, m := range observe.Metrics() {
		labels := "–"
		if len(m.Labels) > 0 {
			labels = "`" + strings.Join(m.Labels, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", m.PrometheusName(), m.Name, typeOf(m), labels, m.Help)
	}
	b.WriteString(`
The last two come from ` + "`NewHTTPObserver`, which is registered by itself and given to `tenancyhttp.WithObserver`" + `; those of
a pool come from ` + "`NewPoolObserver`; all others from `Wrap`" + `.

| label | values |
|---|---|
`)
	for _, l := range [][2]string{
		{"operation", joined(observe.Operations())},
		{"outcome", "of operations: " + joined(observe.Outcomes()) + "; of fills: `ok`, `uncacheable`, `error`; of messages: `ok`, `error`; of HTTP: those of `resolve.Outcomes`; of pools: `hit`, `waited`, `not_served`, `failed`, `exhausted`; of opens: `ok`, `error`"},
		{"tier", "`l1` for the outermost cache, `l2` for the shared one behind a local one"},
		{"result", "of caches: `hit`, `negative`, `stale`, `miss`, `error`; of replicas: `hit`, `negative`, `source`"},
		{"phase", "`starting`, `restored`, `synced`, `interrupted`, `refused`"},
		{"kind", "`tenant`, `negative`"},
		{"reason", "of evictions: `capacity`, `rejected`, `expired`, `cleared`; of closes: `changed`, `not_served`, `stale`, `idle`, `evicted`"},
		{"name", "`l1` or `l2` for a shared cache, `bus`"},
		{"state, to", "of breakers: `open`, `half_open`, `closed`; of resources: `opening`, `leased`, `idle`, `draining`; of tenants: `waiting`, `failing`"},
		{"version", "that of promtenancy or oteltenancy"},
		{"source", "`change`, `compacted`, `diverged`, `requested`"},
		{"direction", "`sent`, `received`"},
		{"status", "the known statuses, and `other`"},
		{"resolver", "those of `resolve.ResolverNames`; every other name counts as `other`"},
	} {
		fmt.Fprintf(&b, "| %s | %s |\n", l[0], l[1])
	}
	return b.String()
}

func typeOf(m observe.Metric) string {
	name := map[observe.Type]string{observe.Counter: "counter", observe.Gauge: "gauge", observe.Sum: "gauge (sum)", observe.Histogram: "histogram"}[m.Type]
	if m.Unit == "" {
		return name
	}
	return name + ", " + m.Unit
}

func joined[T fmt.Stringer](all []T) string {
	var names []string
	for _, one := range all {
		names = append(names, "`"+one.String()+"`")
	}
	return strings.Join(names, ", ")
}
