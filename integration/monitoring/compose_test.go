//go:build unix

package monitoring_test

import (
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/go-tenancy/tenantstore/integration/servers"
)

const root = "../.."

// composeFile is the part of compose.yaml that is checked.
type composeFile struct {
	Services map[string]struct {
		Image       string
		Command     []string
		Environment map[string]string
		Ports       []string
		Volumes     []string
		WorkingDir  string `yaml:"working_dir"`
	}
	Volumes map[string]any
}

func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// mounts returns what is mounted where in a service.
func (c composeFile) mounts(service string) map[string]string {
	mounts := map[string]string{}
	for _, v := range c.Services[service].Volumes {
		parts := strings.Split(v, ":")
		if len(parts) >= 2 {
			mounts[parts[1]] = parts[0]
		}
	}
	return mounts
}

// Docker is not there to try compose.yaml. What it mounts, calls and publishes can be
// looked at.
func TestComposeFile(t *testing.T) {
	var c composeFile
	readYAML(t, "compose.yaml", &c)
	for name, s := range c.Services {
		if !regexp.MustCompile(`^[a-z/]+:v?[0-9.]+$`).MatchString(s.Image) {
			t.Errorf("%s: the image %q has no version", name, s.Image)
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: port %s is reachable from other machines", name, p)
			}
		}
		for at, from := range c.mounts(name) {
			if _, named := c.Volumes[from]; named {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, from)); err != nil {
				t.Errorf("%s mounts at %s what is not there: %v", name, at, err)
			}
		}
	}
	if dsn, err := url.Parse(c.Services["quickstart"].Environment["TENANTSTORE_DSN"]); err != nil || dsn.Hostname() != "postgres" {
		t.Errorf("the DSN leads to %q, %v", dsn.Hostname(), err)
	}
}

// The service knows every flag that compose.yaml gives it.
func TestComposeCallsTheQuickstart(t *testing.T) {
	var c composeFile
	readYAML(t, "compose.yaml", &c)
	command := c.Services["quickstart"].Command
	build := "go build -o /tmp/quickstart ./examples/quickstart; exec /tmp/quickstart "
	if len(command) != 3 || !slices.Equal(command[:2], []string{"sh", "-ec"}) || !strings.HasPrefix(command[2], build) {
		t.Fatalf("the command is %q", command)
	}
	help, err := exec.CommandContext(t.Context(), buildQuickstart(t), "-h").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range strings.Fields(command[2][len(build):]) {
		if strings.HasPrefix(word, "-") && !strings.Contains(string(help), "\n  "+word+" ") {
			t.Errorf("there is no flag %s", word)
		}
	}
}

func TestComposePrometheus(t *testing.T) {
	servers.NeedPrometheus(t)
	var c composeFile
	readYAML(t, "compose.yaml", &c)
	mounts := c.mounts("prometheus")
	text, err := os.ReadFile(filepath.Join(root, mounts["/etc/prometheus/prometheus.yml"]))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := filepath.Abs(filepath.Join(root, mounts["/etc/prometheus/rules"]))
	if err != nil {
		t.Fatal(err)
	}
	here := filepath.Join(t.TempDir(), "prometheus.yml")
	if err := os.WriteFile(here, []byte(strings.ReplaceAll(string(text), "/etc/prometheus/rules", rules)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "promtool", "check", "config", here).CombinedOutput(); err != nil || !strings.Contains(string(out), "rules found") {
		t.Errorf("%v\n%s", err, out)
	}
	if !strings.Contains(string(text), "quickstart:8080") {
		t.Error("the quickstart is not scraped")
	}
}

func TestComposeGrafana(t *testing.T) {
	var c composeFile
	readYAML(t, "compose.yaml", &c)
	mounts := c.mounts("grafana")
	var sources struct {
		Datasources []struct{ Type, URL string }
	}
	readYAML(t, mounts["/etc/grafana/provisioning/datasources/prometheus.yaml"], &sources)
	if len(sources.Datasources) != 1 || sources.Datasources[0].Type != "prometheus" || sources.Datasources[0].URL != "http://prometheus:9090" {
		t.Errorf("%+v", sources)
	}
	var dashboards struct {
		Providers []struct {
			Type    string
			Options struct{ Path string }
		}
	}
	readYAML(t, mounts["/etc/grafana/provisioning/dashboards/tenantstore.yaml"], &dashboards)
	if len(dashboards.Providers) != 1 || dashboards.Providers[0].Type != "file" {
		t.Fatalf("%+v", dashboards)
	}
	from := mounts[dashboards.Providers[0].Options.Path]
	found, err := filepath.Glob(filepath.Join(root, from, "*.json"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no dashboards in %q, %v", from, err)
	}
	for _, name := range found {
		text, err := os.ReadFile(name)
		if err != nil || !json.Valid(text) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
