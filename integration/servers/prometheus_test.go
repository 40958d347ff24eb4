//go:build unix

package servers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/integration/servers"
)

func TestPrometheusStarts(t *testing.T) {
	servers.NeedPrometheus(t)
	p, err := servers.StartPrometheus(t.Context(), map[string]string{"prometheus.yml": "global: {scrape_interval: 1s}\n"})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Get("http://" + p.Addr() + "/api/v1/status/config")
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("status %d, %v", answer.StatusCode, err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if answer, err := http.Get("http://" + p.Addr() + "/-/ready"); err == nil {
		t.Errorf("it answers after Close: %v", answer.Body.Close())
	}
}

func TestPrometheusSaysWhyItDoesNotStart(t *testing.T) {
	servers.NeedPrometheus(t)
	_, err := servers.StartPrometheus(t.Context(), map[string]string{"prometheus.yml": "nonsense: true\n"})
	if err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("%v, want the log of the server", err)
	}
}
