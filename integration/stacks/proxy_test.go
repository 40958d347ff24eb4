//go:build unix

package stacks

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/go-tenancy/tenantstore/integration/servers"
)

// proxy is a TCP connection to a server that a test can cut, slow down and turn
// into a black hole.
type proxy struct{ *toxiproxy.Proxy }

func newProxy(tb testing.TB, upstream string) *proxy {
	tb.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	for {
		port, err := servers.FreePort(tb.Context()) // cut closes it for a while
		if err != nil {
			tb.Fatal(err)
		}
		p := toxiproxy.NewProxy(server, "test", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), upstream)
		if err = p.Start(); errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(p.Stop)
		return &proxy{p}
	}
}

// cut breaks every connection and refuses new ones until heal.
func (p *proxy) cut() (heal func() error, err error) {
	p.Stop()
	return p.Start, nil
}

// delay holds everything back by about so many milliseconds, each way.
func (p *proxy) delay(ms int) (heal func() error, err error) {
	return p.poison("latency", fmt.Sprintf(`{"latency": %d, "jitter": %d}`, ms, ms/2))
}

// swallow accepts everything and passes nothing on.
func (p *proxy) swallow() (heal func() error, err error) {
	return p.poison("timeout", `{"timeout": 0}`)
}

// proxies lead to all servers of a kind, and fail together.
type proxies []*proxy

func (ps proxies) cut() (heal func() error, err error) { return ps.all((*proxy).cut) }

func (ps proxies) delay(ms int) (heal func() error, err error) {
	return ps.all(func(p *proxy) (func() error, error) { return p.delay(ms) })
}

func (ps proxies) swallow() (heal func() error, err error) { return ps.all((*proxy).swallow) }

func (ps proxies) all(fail func(*proxy) (func() error, error)) (heal func() error, err error) {
	var heals []func() error
	for _, p := range ps {
		heal, failed := fail(p)
		if err = errors.Join(err, failed); failed == nil {
			heals = append(heals, heal)
		}
	}
	return func() error {
		var errs []error
		for _, heal := range heals {
			errs = append(errs, heal())
		}
		return errors.Join(errs...)
	}, err
}

// poison adds a toxic of this kind both ways. Several kinds go together.
func (p *proxy) poison(kind, attributes string) (heal func() error, err error) {
	both := []string{"upstream", "downstream"}
	for _, direction := range both {
		_, err := p.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(
			`{"name": "%s %s", "type": %q, "stream": %q, "attributes": %s}`, kind, direction, kind, direction, attributes)))
		if err != nil {
			return nil, err
		}
	}
	return func() error {
		var errs []error
		for _, direction := range both {
			errs = append(errs, p.Toxics.RemoveToxic(context.Background(), kind+" "+direction))
		}
		return errors.Join(errs...)
	}, nil
}
