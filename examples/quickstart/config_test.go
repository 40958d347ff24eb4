package main

import (
	"bytes"
	"errors"
	"flag"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseConfig(t *testing.T) {
	const canary = "postgres://u:canary@db/tenants"
	getenv := func(name string) string {
		if name == dsnVariable {
			return canary
		}
		return ""
	}
	none := func(string) string { return "" }
	defaults := config{addr: "127.0.0.1:8080", base: "localhost", path: "tenants.db", sample: true}
	fromEnv := defaults
	fromEnv.dsn = canary
	for _, tc := range []struct {
		args   string
		getenv func(string) string
		want   config
	}{
		{"", none, defaults},
		{"", getenv, fromEnv},
		{"-db x.db", getenv, config{addr: "127.0.0.1:8080", base: "localhost", path: "x.db", sample: true}},
		{"-dsn postgres://x", getenv, config{addr: "127.0.0.1:8080", base: "localhost", path: "tenants.db", dsn: "postgres://x", sample: true}},
		{"-replica", none, config{addr: "127.0.0.1:8080", base: "localhost", path: "tenants.db", replica: true, sample: true}},
		{"-valkey 127.0.0.1:6379", none, config{addr: "127.0.0.1:8080", base: "localhost", path: "tenants.db", valkey: "127.0.0.1:6379", sample: true}},
		{"-addr :80 -base example.com -sample=false", none, config{addr: ":80", base: "example.com", path: "tenants.db"}},
	} {
		var output bytes.Buffer
		got, err := parseConfig(strings.Fields(tc.args), tc.getenv, &output)
		if err != nil || got != tc.want || output.Len() > 0 {
			t.Errorf("%q: got %+v, %v; want %+v", tc.args, got, err, tc.want)
		}
	}
	for _, args := range []string{"-db x -dsn y", "-db=", "-dsn=", "-unknown", "extra", "-base Example.com", "-base .com", "-base=", "-sample=perhaps", "-snapshot x", "-replica -snapshot="} {
		var output bytes.Buffer
		if _, err := parseConfig(strings.Fields(args), none, &output); err == nil || !strings.Contains(output.String(), "-addr") {
			t.Errorf("%q: got %v and %q", args, err, output.String())
		}
	}
	var output bytes.Buffer
	if _, err := parseConfig([]string{"-h"}, getenv, &output); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: got %v", err)
	}
	if strings.Contains(output.String(), "canary") {
		t.Errorf("the usage tells the password: %s", output.String())
	}
}

// An address that belongs elsewhere has a password in it; neither the log nor the
// error shows it.
func TestMisplacedAddressIsNotLogged(t *testing.T) {
	for _, address := range []string{"postgres://app:canary@host/app", "mysql://root:canary@host/app", "redis://:canary@host/0", ":canary@host:6379"} {
		for what, cfg := range map[string]config{
			"db": {path: address}, "dsn": {dsn: strings.Replace(address, "postgres:", "jdbc:postgresql:", 1)}, "valkey": {path: filepath.Join(t.TempDir(), "a.db"), valkey: address},
		} {
			log := &logBuffer{}
			if _, err := openStore(t.Context(), cfg, slog.New(slog.NewTextHandler(log, nil))); err == nil || strings.Contains(err.Error()+log.String(), "canary") {
				t.Errorf("%s %q: %v; log:\n%s", what, address, err, log)
			}
		}
	}
}
