//go:build unix

package monitoring_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

var screenshot = flag.String("screenshot", "", "write a picture of some panels' queries in Prometheus to this file, with Chromium")

const files = "../../adapters/prometheus/"

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(files + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// config is that of Prometheus. Its windows are those of the rules, its intervals are
// short.
func config(tenancy []string, otel string) string {
	quoted, _ := json.Marshal(tenancy)
	return fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [tenantstore.yaml]
scrape_configs:
  - job_name: tenancy
    static_configs: [{targets: %s}]
  - job_name: otel
    metrics_path: /otel
    static_configs: [{targets: [%q]}]
`, quoted, otel)
}

// A real Prometheus scrapes two quickstarts (on PostgreSQL, and on SQLite with a bus)
// and an application while everything fails that can. Then every query of the
// dashboard has data, for both adapters, every rule was evaluated, they name nothing that does not
// exist, and every value that a label can have was seen with a count.
func TestMonitoring(t *testing.T) {
	servers.NeedPrometheus(t)
	ctx := t.Context()
	postgres := servers.NewPostgres(t, servers.PostgresOptions{})
	cache := servers.NewValkey(t, servers.ValkeyOptions{})
	binary := buildQuickstart(t)
	onPostgres := startQuickstart(t, binary, "TENANTSTORE_DSN="+postgres.DSN(), "-valkey", cache.Addr())
	onSQLite := startQuickstart(t, binary, "TENANTSTORE_DSN=", "-db", "tenants.db", "-valkey", cache.Addr())
	a := newApp(t, cache.Addr())
	a.seed(ctx, t)
	onPostgres.seed(t)
	onSQLite.seed(t)

	appAddr := strings.TrimPrefix(a.metrics.URL, "http://")
	prometheus := servers.NewPrometheus(t, map[string]string{
		"prometheus.yml":   config([]string{onPostgres.addr, onSQLite.addr, appAddr}, appAddr),
		"tenantstore.yaml": read(t, "rules/tenantstore.yaml"),
	})
	s := &server{addr: prometheus.Addr(), start: time.Now()}
	stop := goOn(ctx, t, a, onPostgres, onSQLite)

	script(t, s, a, onPostgres, postgres, cache)
	stop()

	s.learn(t)
	for _, job := range []string{"tenancy", "otel"} { // of promtenancy and of oteltenancy
		t.Run(job, func(t *testing.T) { s.checkDashboard(t, job) })
	}
	t.Run("rules", s.checkRules)
	t.Run("values", s.checkValues)
	if *screenshot != "" {
		s.photograph(t, *screenshot)
	}
}

// goOn lets the applications work until stop is called.
func goOn(ctx context.Context, t *testing.T, a *app, instances ...*quickstart) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	loop := func(work func(round int)) {
		done.Go(func() {
			for round := 0; ctx.Err() == nil; round++ {
				work(round)
				select {
				case <-ctx.Done():
				case <-time.After(50 * time.Millisecond):
				}
			}
		})
	}
	loop(func(int) { a.work(context.WithoutCancel(ctx), t) })
	loop(func(int) { _, _ = a.GetByIdentifier(ctx, "often") }) // hit often enough to be refreshed
	for _, q := range instances {
		loop(func(round int) { q.work(context.WithoutCancel(ctx), round) })
	}
	return func() { cancel(); done.Wait() }
}

// script lets servers go down and come back, each time until Prometheus has seen it.
func script(t *testing.T, s *server, a *app, onPostgres *quickstart, postgres *servers.Postgres, cache *servers.Valkey) {
	t.Helper()
	ctx := t.Context()
	sees := func(expr string, want float64) {
		t.Helper()
		eventually(t, expr, func() bool { v, ok := s.value(t, expr); return ok && v >= want })
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	sees(`count(tenancy_log_serving == 1)`, 4)
	sees(`sum(rate(tenancy_operations_total[5s]))`, 1)
	sees(`count(tenancy_breaker_state{job="tenancy", tenancy_state="closed"} == 1)`, 5)
	sees(`min(tenancy_bus_connected)`, 1)
	pose()

	do(cache.Kill())
	sees(`count(tenancy_breaker_state{job="tenancy", tenancy_name="l2", tenancy_state="closed"} == 0)`, 3)
	sees(`count(tenancy_bus_connected == 0)`, 2)
	sees(`sum(tenancy_bus_messages_total{job="tenancy", tenancy_direction="sent", tenancy_outcome="error"})`, 1)
	pose()
	do(cache.Start(ctx))
	sees(`count(tenancy_breaker_state{job="tenancy", tenancy_name="l2", tenancy_state="closed"} == 1)`, 3)
	sees(`min(tenancy_bus_connected)`, 1)
	pose()

	onPostgres.mayWrite(false)
	do(postgres.Stop())
	sees(`sum(tenancy_cache_stale_served_total{job="tenancy", tenancy_store="tenants"})`, 1)
	sees(`sum(tenancy_http_resolutions_total{job="tenancy", tenancy_outcome="unavailable"})`, 1)
	pose()
	do(postgres.Start(ctx))
	onPostgres.mayWrite(true)
	sees(`min(tenancy_log_serving)`, 1)

	pose()
	a.source.FailLog(tenancy.ErrUnavailable)
	sees(`sum(tenancy_log_unfollowed_writes_total)`, 1)
	a.source.FailLog(nil)
	a.loseHistory(ctx, t)
	sees(`sum(tenancy_invalidations_total{job="tenancy", tenancy_source="compacted"})`, 1)
	sees(`sum(tenancy_invalidations_total{job="tenancy", tenancy_source="requested"})`, 1)
	sees(`sum(tenancy_cache_refreshes_total)`, 1)
	sees(`sum(tenancy_cache_coalesced_loads_total)`, 1)
	sees(`count(job_store:tenancy_log_lag_seconds:p99_rate10m > 0)`, 1)
	sees(`sum(rate(tenancy_log_lag_seconds_count{job="otel"}[10s]))`, 0.01)
}

// pose makes each state last long enough for a picture, if one is taken.
func pose() {
	if *screenshot != "" {
		time.Sleep(10 * time.Second)
	}
}

// checkDashboard runs every query of the dashboard for a job.
func (s *server) checkDashboard(t *testing.T, job string) {
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "dashboards/tenantstore.json")), &d); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			n++
			expr := fill(target.Expr, job)
			for _, wrong := range s.check(expr) {
				t.Errorf("%s: %s", p.Title, wrong)
			}
			if s.points(t, expr) == 0 {
				t.Errorf("%s has no data: %s", p.Title, expr)
			}
		}
	}
	if n < 40 {
		t.Errorf("%d queries only", n)
	}
}

// fill puts values into the variables of the dashboard.
func fill(expr, job string) string {
	return strings.NewReplacer(
		"$__rate_interval", "10s", `job=~"$job"`, `job="`+job+`"`, "$instance", ".*", "$store", ".+",
	).Replace(expr)
}

// checkRules asks Prometheus for the rules that it has evaluated.
func (s *server) checkRules(t *testing.T) {
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Query, Health, LastError, Type string }
		}
	}
	if err := s.api(t.Context(), "rules", nil, &data); err != nil {
		t.Fatal(err)
	}
	alerts := 0
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			if r.Health != "ok" {
				t.Errorf("%s: %s %s", r.Name, r.Health, r.LastError)
			}
			for _, wrong := range s.check(r.Query) {
				t.Errorf("%s: %s", r.Name, wrong)
			}
			if r.Type == "alerting" {
				alerts++
			} else if s.points(t, r.Name) == 0 {
				t.Errorf("%s records nothing", r.Name)
			}
		}
	}
	if alerts < 15 {
		t.Errorf("%d alerts only", alerts)
	}
}

// notSeen are values of labels that a test of a minute cannot be sure to bring about.
func notSeen() map[string]string {
	return map[string]string{
		`tenancy_cache_evictions_total{tenancy_reason="expired"}`:  "the sweep runs once a minute; unit tests of ristrettotier",
		`tenancy_cache_evictions_total{tenancy_reason="rejected"}`: "Ristretto decides by what it has seen used",
		`tenancy_cache_fills_total{tenancy_outcome="error"}`:       "the cache has to fail between a lookup and its fill",
	}
}

// checkValues demands a count for every value of every label with a fixed set.
func (s *server) checkValues(t *testing.T) {
	values := map[string][]string{
		`tenancy_cache_lookups_total{tenancy_result="%s"}`:                 {"hit", "negative", "stale", "miss", "error"},
		`tenancy_cache_fills_total{tenancy_outcome="%s"}`:                  {"ok", "uncacheable", "error"},
		`tenancy_cache_evictions_total{tenancy_reason="%s"}`:               {"capacity", "rejected", "expired", "cleared"},
		`tenancy_cache_evictions_total{tenancy_kind="%s"}`:                 {"tenant", "negative"},
		`tenancy_breaker_transitions_total{tenancy_to="%s"}`:               {"open", "half_open", "closed"},
		`tenancy_breaker_transitions_total{tenancy_name="%s"}`:             {"l2", "bus"},
		`tenancy_invalidations_total{tenancy_source="%s"}`:                 {"change", "compacted", "diverged", "requested"},
		`tenancy_bus_messages_total{tenancy_outcome="%s"}`:                 {"ok", "error"},
		`tenancy_bus_messages_total{tenancy_direction="%s"}`:               {"sent", "received"},
		`tenancy_tenants{tenancy_status="%s"}`:                             {"active", "suspended", "provisioning", "deleted"},
		`tenancy_operation_duration_seconds_count{tenancy_operation="%s"}`: nil,
	}
	for _, op := range observe.Operations() {
		values[`tenancy_operations_total{tenancy_operation="%s"}`] = append(values[`tenancy_operations_total{tenancy_operation="%s"}`], op.String())
		values[`tenancy_operation_duration_seconds_count{tenancy_operation="%s"}`] = append(values[`tenancy_operation_duration_seconds_count{tenancy_operation="%s"}`], op.String())
	}
	for _, outcome := range observe.Outcomes() {
		values[`tenancy_operations_total{tenancy_outcome="%s"}`] = append(values[`tenancy_operations_total{tenancy_outcome="%s"}`], outcome.String())
	}
	for _, outcome := range resolve.Outcomes() {
		values[`tenancy_http_resolutions_total{tenancy_outcome="%s"}`] = append(values[`tenancy_http_resolutions_total{tenancy_outcome="%s"}`], string(outcome))
	}
	excused := notSeen()
	for pattern, all := range values {
		for _, v := range all {
			series := fmt.Sprintf(pattern, v)
			largest, _ := s.value(t, "max(max_over_time("+series+"[10m]))")
			if largest == 0 && excused[series] == "" {
				t.Errorf("%s is 0", series)
			}
		}
	}
}

// photograph makes a picture of Prometheus's own graphs.
func (s *server) photograph(t *testing.T, to string) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal(err)
	}
	to, err = filepath.Abs(to)
	if err != nil {
		t.Fatal(err)
	}
	span := fmt.Sprintf("%ds", int(time.Since(s.start).Seconds())+5)
	query := url.Values{}
	for i, expr := range []string{
		`sum by (tenancy_tier, tenancy_result) (rate(tenancy_cache_lookups_total{job=~"$job"}[$__rate_interval]))`,
		`sum by (tenancy_name, tenancy_state) (tenancy_breaker_state{job=~"$job"})`,
		`sum by (tenancy_outcome) (rate(tenancy_http_resolutions_total{job=~"$job"}[$__rate_interval]))`,
	} {
		key := fmt.Sprintf("g%d.", i)
		query.Set(key+"expr", fill(expr, "tenancy"))
		query.Set(key+"tab", "0")
		query.Set(key+"stacked", "1")
		query.Set(key+"range_input", span)
	}
	cmd := exec.CommandContext(t.Context(), chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
		"--user-data-dir="+t.TempDir(), "--window-size=1200,2760", "--virtual-time-budget=20000", "--screenshot="+to,
		"http://"+s.addr+"/graph?"+query.Encode())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
