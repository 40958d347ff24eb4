package main

import (
	"fmt"
	"io"
	"net"
	"strings"
)

// printHints shows what to try.
func printHints(out io.Writer, addr net.Addr, cfg config) {
	_, port, _ := net.SplitHostPort(addr.String())
	host := "127.0.0.1"
	if tcp, ok := addr.(*net.TCPAddr); ok && !tcp.IP.IsUnspecified() {
		host = tcp.IP.String()
	}
	_, _ = fmt.Fprint(out, strings.NewReplacer(
		"{url}", "http://"+net.JoinHostPort(host, port),
		"{base}", net.JoinHostPort(cfg.base, port),
		"{id}", domainID("mit.edu"),
	).Replace(hints))
}

const hints = `
Whose host is this?
  curl -H 'Host: mit-edu.{base}' {url}/whoami

Manage tenants:
  curl '{url}/admin/tenants?status=active&limit=3'
  curl '{url}/admin/tenants/search?q=oxford'
  curl {url}/admin/tenants/by-identifier/mit-edu
  curl -X POST {url}/admin/tenants/{id}/suspend
  curl -X POST {url}/admin/tenants/{id}/activate
  curl -X PATCH -H 'Content-Type: application/json' -d '{"plan":"pro"}' {url}/admin/tenants/{id}/metadata
  curl -X POST -H 'Content-Type: application/json' -d '{"identifier":"acme","name":"Acme Ltd"}' {url}/admin/tenants
  curl -X POST -H 'Content-Type: application/json' -d '{"domain":"mit.test"}' {url}/admin/tenants/{id}/domains
  curl -X POST {url}/admin/tenants/{id}/domains/mit.test/verify
  curl -H 'Host: mit.test' {url}/whoami

What the caches do, and health:
  curl {url}/admin/tiers
  curl {url}/metrics
  curl {url}/healthz
  curl {url}/readyz

`
