package oteltenancy_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A user of this package gets the API of OpenTelemetry, what that needs, and
// nothing else: no SDK, no Prometheus, no cache, no driver.
func TestOnlyTheOpenTelemetryAPIComesIn(t *testing.T) {
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
		if strings.Contains(m, "prometheus") {
			t.Errorf("%s is in the build list", m)
		}
	}
	modules := list("-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".")
	const own = "github.com/go-tenancy/tenantstore/"
	allowed := []string{
		own + "adapters/otel", own + "core",
		"go.opentelemetry.io/otel", "go.opentelemetry.io/otel/metric", "go.opentelemetry.io/otel/trace", "go.opentelemetry.io/auto/sdk",
		"github.com/cespare/xxhash/v2", "github.com/go-logr/logr", "github.com/go-logr/stdr",
	}
	for _, m := range modules {
		if !slices.Contains(allowed, m) {
			t.Errorf("%s comes in", m)
		}
	}
	if !slices.Contains(modules, "go.opentelemetry.io/otel") {
		t.Errorf("the list %q is wrong", modules)
	}
}
