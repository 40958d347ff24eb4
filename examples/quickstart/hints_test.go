package main

import (
	"bytes"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/core/memstore"
)

// Every line that the program tells people to try does work.
func TestHints(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		if os.Getenv("CI") != "" || os.Getenv("TENANTSTORE_REQUIRE_SERVERS") != "" {
			t.Fatal("curl is not installed")
		}
		t.Skip("needs curl: apt-get install curl")
	}
	store := memstore.New()
	mit, err := newInstitution("mit.edu", "Massachusetts Institute of Technology")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Create(t.Context(), mit); err != nil {
		t.Fatal(err)
	}
	c, _ := newService(t, store)
	address, err := url.Parse(c.url)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.ResolveTCPAddr("tcp", address.Host)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	printHints(&out, listener, config{base: "localhost"})
	tried := 0
	for line := range strings.Lines(out.String()) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "curl ") {
			continue
		}
		tried++
		command := "curl --noproxy '*' -sS --fail-with-body" + strings.TrimPrefix(line, "curl")
		if answer, err := exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", line, err, answer)
		}
	}
	if tried < 10 {
		t.Errorf("only %d lines:\n%s", tried, &out)
	}
}
