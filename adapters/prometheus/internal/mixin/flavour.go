package mixin

import (
	"strings"

	"github.com/go-tenancy/tenantstore/core/observe"
)

// Flavour is a way in which the metrics reach Prometheus.
type Flavour struct {
	Name  string // of files
	Title string
	// label returns what a label of the table is called.
	label func(string) string
	// instances counts the instances by version.
	instances string
}

// Flavours returns both.
func Flavours() []Flavour {
	return []Flavour{
		{
			Name: "tenantstore", Title: "Tenant store",
			label:     func(l string) string { return l },
			instances: `count by (version) (tenancy_build_info{<sel>})`,
		},
		{
			Name: "tenantstore-otel", Title: "Tenant store (OpenTelemetry)",
			label:     func(l string) string { return "tenancy_" + l },
			instances: `count by (otel_scope_version) (tenancy_log_revision{<sel>})`,
		},
	}
}

// Labels returns the labels of the table, and store.
func Labels() []string {
	labels := []string{"store"}
	for _, m := range observe.Metrics() {
		labels = append(labels, m.Labels...)
	}
	return labels
}

// dashboard spells an expression for panels, which select by variables.
func (f Flavour) dashboard(expr string) string {
	return f.spell(expr, `job=~"$job", instance=~"$instance", <store>=~"$store"`)
}

// rule spells an expression for rules. They keep the job, and select what has the
// store's label as this flavour spells it: the metrics have the same names in both,
// and a Prometheus with both files would record and alert twice otherwise.
func (f Flavour) rule(expr string) string { return f.spell(expr, `<store>!=""`) }

func (f Flavour) spell(expr, selector string) string {
	expr = strings.ReplaceAll(expr, "<instances>", f.instances)
	expr = strings.ReplaceAll(expr, "<sel>", selector)
	var pairs []string
	for _, l := range Labels() {
		pairs = append(pairs, "<"+l+">", f.label(l))
	}
	return strings.NewReplacer(pairs...).Replace(expr)
}
