package promtenancy_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A user of this package gets the client library of Prometheus, what that needs, and
// nothing else: no OpenTelemetry, no cache, no driver.
func TestOnlyThePrometheusClientComesIn(t *testing.T) {
	list := func(args ...string) []string {
		cmd := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...)
		cmd.Env = append(cmd.Environ(), "GOWORK=off")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		words := strings.Fields(string(out))
		slices.Sort(words)
		return slices.Compact(words)
	}
	for _, m := range list("-m", "-f", "{{.Path}}", "all") {
		if strings.Contains(m, "opentelemetry") {
			t.Errorf("%s is in the build list", m)
		}
	}
	modules := list("-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".")
	const own = "github.com/go-tenancy/tenantstore/"
	allowed := []string{
		own + "adapters/prometheus", own + "core",
		"github.com/prometheus/client_golang", "github.com/prometheus/client_model", "github.com/prometheus/common", "github.com/prometheus/procfs",
		"github.com/beorn7/perks", "github.com/cespare/xxhash/v2", "github.com/munnerz/goautoneg",
		"golang.org/x/sys", "google.golang.org/protobuf", "go.yaml.in/yaml/v2",
	}
	for _, m := range modules {
		if !slices.Contains(allowed, m) {
			t.Errorf("%s comes in", m)
		}
	}
	if !slices.Contains(modules, "github.com/prometheus/client_golang") {
		t.Errorf("the list %q is wrong", modules)
	}
}
