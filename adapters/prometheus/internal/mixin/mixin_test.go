package mixin_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/prometheus/internal/mixin"
	"github.com/go-tenancy/tenantstore/core/observe"
)

const root = "../../../.."

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCommittedFilesAreWhatIsGenerated(t *testing.T) {
	files, err := mixin.Files()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		if got := read(t, name); got != want {
			t.Errorf("%s is out of date: run go generate in adapters/prometheus", name)
		}
	}
}

// metricName finds what looks like a metric of the table in an expression.
var metricName = regexp.MustCompile(`\btenancy_[a-z_]+`)

func TestEveryMetricIsOnAPanel(t *testing.T) {
	shown := map[string]bool{}
	for _, row := range mixin.Rows() {
		for _, p := range row.Panels {
			for _, q := range p.Queries {
				for _, name := range metricName.FindAllString(q.Expr, -1) {
					for _, suffix := range []string{"_bucket", "_count", "_sum"} {
						shown[strings.TrimSuffix(name, suffix)] = true
					}
					shown[name] = true
				}
			}
		}
	}
	for _, m := range observe.Metrics() {
		name := m.PrometheusName()
		if !shown[name] {
			t.Errorf("%s is on no panel", name)
		}
	}
}

func TestTheDashboardIsSound(t *testing.T) {
	text, err := mixin.Dashboard()
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			ID      int
			Type    string
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	ids, cells := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" || p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %d %q", p.ID, p.Title)
		}
		ids[p.ID] = true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				cell := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if other := cells[cell]; other != "" || cell[0] >= 24 {
					t.Errorf("%q overlaps %q", p.Title, other)
				}
				cells[cell] = p.Title
			}
		}
		for _, target := range p.Targets {
			selectors := regexp.MustCompile(`\{[^}]*\}`).FindAllString(target.Expr, -1)
			for _, s := range selectors {
				if !strings.Contains(s, `job=~"$job", instance=~"$instance", tenancy_store=~"$store"`) {
					t.Errorf("%q: %s does not select by the variables", p.Title, s)
				}
			}
			if len(selectors) == 0 || strings.Contains(target.Expr, "<") {
				t.Errorf("%q is not spelled out", target.Expr)
			}
		}
	}
}

// Each alert has a runbook that says what it means, why it happens and what to do.
func TestEveryAlertHasARunbook(t *testing.T) {
	operations := read(t, "docs/operations.md")
	names := map[string]bool{}
	for _, a := range mixin.Alerts() {
		if names[a.Name] {
			t.Errorf("%s stands there twice", a.Name)
		}
		names[a.Name] = true
		_, section, ok := strings.Cut(operations, "\n### "+a.Name+"\n")
		section, _, _ = strings.Cut(section, "\n### ")
		if !ok || len(strings.TrimSpace(section)) < 100 {
			t.Errorf("docs/operations.md has no runbook for %s", a.Name)
		}
	}
	for _, heading := range regexp.MustCompile(`(?m)^### (Tenancy\w+)$`).FindAllStringSubmatch(operations, -1) {
		if !names[heading[1]] {
			t.Errorf("docs/operations.md has a runbook for %s, which is no alert", heading[1])
		}
	}
}

// promtool runs promtool, or skips where there is none and none is demanded.
func promtool(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") != "" || os.Getenv("TENANTSTORE_REQUIRE_SERVERS") != "" {
			t.Fatal("promtool is not installed, and servers are required")
		}
		t.Skip("needs promtool: run make test, or install prometheus")
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestRulesDoWhatTheyShould(t *testing.T) {
	dir := filepath.Join(root, "adapters/prometheus/rules")
	if out, err := promtool(t, dir, "check", "rules", "--lint=all", "--lint-fatal", "tenantstore.yaml"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := promtool(t, dir, "test", "rules", "tenantstore-test.yaml"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// The tests of the rules can fail: a rule that is always true fails each silent case,
// and one that never is each firing one.
func TestTheTestsOfTheRulesCanFail(t *testing.T) {
	firing := len(mixin.Alerts())
	silent := firing
	for _, a := range mixin.Alerts() {
		if a.Test.Seldom != nil {
			silent++
		}
	}
	for _, c := range []struct {
		name, expr, says string
		cases            int
	}{
		{"always", "vector(1)", "exp: nil", silent},
		{"never", "vector(1) > 2", "got: nil", firing},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			rules := mixin.Rules()
			alerts := regexp.MustCompile(`(- alert: \w+\n        expr: ).*`).ReplaceAllString(rules, `${1}"`+c.expr+`"`)
			if alerts == rules {
				t.Fatal("nothing was replaced")
			}
			for file, text := range map[string]string{"tenantstore.yaml": alerts, "test.yaml": mixin.Tests()} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			out, err := promtool(t, dir, "test", "rules", "test.yaml")
			if err == nil {
				t.Fatal("the tests pass")
			}
			if n := strings.Count(out, c.says); n != c.cases {
				t.Errorf("%d of %d cases failed:\n%s", n, c.cases, out)
			}
		})
	}
}
