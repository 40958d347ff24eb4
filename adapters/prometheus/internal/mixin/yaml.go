package mixin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// runbooks is where the runbooks are.
const runbooks = "https://github.com/go-tenancy/tenantstore/blob/main/docs/operations.md#"

const generated = "# Made by `go generate` in adapters/prometheus from internal/mixin. Do not edit.\n"

// Rules returns the rule file.
func Rules() string {
	var b strings.Builder
	b.WriteString(generated + "groups:\n  - name: tenancy-records\n    rules:\n")
	for _, r := range Recordings() {
		fmt.Fprintf(&b, "      - record: %s\n        expr: %s\n", r.Record, quote(rule(r.Expr)))
	}
	b.WriteString("  - name: tenancy-alerts\n    rules:\n")
	for _, a := range Alerts() {
		fmt.Fprintf(&b, "      - alert: %s\n        expr: %s\n        for: %s\n        labels: {severity: %s}\n        annotations:\n",
			a.Name, quote(rule(a.Expr)), a.For, a.Severity)
		for _, n := range annotations(a) {
			fmt.Fprintf(&b, "          %s: %s\n", n[0], quote(n[1]))
		}
	}
	return b.String()
}

// rule spells an expression for rules, which select everything and keep the job.
func rule(expr string) string {
	return strings.NewReplacer("{<sel>}", "", "<sel>, ", "").Replace(expr)
}

func annotations(a Alert) [][2]string {
	return [][2]string{
		{"summary", a.Summary}, {"description", a.Description}, {"runbook_url", runbooks + strings.ToLower(a.Name)},
	}
}

// Tests returns the file of promtool test rules: each alert fires in one case
// and is silent in another.
func Tests() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%srule_files: [tenantstore.yaml]\nevaluation_interval: 1m\ntests:\n", generated)
	for _, a := range Alerts() {
		test(&b, a, "fires", a.Test.Fires)
		test(&b, a, "silent", a.Test.Silent)
		if a.Test.Seldom != nil {
			test(&b, a, "silent with little traffic", a.Test.Seldom)
		}
	}
	return b.String()
}

// test writes one case. What the alert says is left out: exp_annotations would have
// to repeat it with its value, which promtool compares to the last bit.
func test(b *strings.Builder, a Alert, what string, inputs []Input) {
	fmt.Fprintf(b, "  - name: %s\n    interval: 1m\n    input_series:\n", quote(a.Name+" "+what))
	for _, in := range inputs {
		fmt.Fprintf(b, "      - series: %s\n        values: %s\n", quote(identified(in.Series)), quote(in.Values))
	}
	// The alert as a series, so that its annotations need not be repeated.
	labels := fmt.Sprintf(`alertname=%q, alertstate="firing", job="app", severity=%q, tenancy_store="tenants"`, a.Name, a.Severity)
	for _, name := range slices.Sorted(maps.Keys(a.Test.Labels)) {
		labels += fmt.Sprintf(", %s=%q", name, a.Test.Labels[name])
	}
	fmt.Fprintf(b, "    promql_expr_test:\n      - expr: %s\n        eval_time: %s\n        exp_samples:",
		quote(fmt.Sprintf(`ALERTS{alertname=%q, alertstate="firing"}`, a.Name)), a.Test.After)
	if what == "fires" {
		fmt.Fprintf(b, "\n          - labels: %s\n            value: 1\n", quote("ALERTS{"+labels+"}"))
		return
	}
	b.WriteString(" []\n")
}

// identified returns series with the labels of an instance.
func identified(series string) string {
	const labels = `job="app", instance="a", tenancy_store="tenants"`
	if name, rest, ok := strings.Cut(series, "{"); ok {
		return name + "{" + labels + ", " + rest
	}
	return series + "{" + labels + "}"
}

// quote returns a JSON string, which is a YAML one too.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return fmt.Sprintf("%q", s) // a string that is no UTF-8; there is none
	}
	return strings.TrimSpace(b.String())
}
