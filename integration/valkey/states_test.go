//go:build unix

package valkey_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// journal keeps what is logged.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

// warnings returns the lines of that level.
func (j *journal) warnings() (lines []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range strings.Lines(j.text.String()) {
		if strings.Contains(line, "level=WARN") {
			lines = append(lines, line)
		}
	}
	return lines
}

func (j *journal) option() valkeytier.Option {
	return valkeytier.WithLogger(slog.New(slog.NewTextHandler(j, nil)))
}

// States in which a server answers, but not as a cache must: reads go on, the log says
// once which it is and what to do, and the cache is used again when it is over. Calls are
// not too late, on whatever machine, since that would be a line of its own.
func TestStatesOfAServer(t *testing.T) {
	set := func(pairs ...string) [][]string { return [][]string{append([]string{"CONFIG", "SET"}, pairs...)} }
	for name, c := range map[string]struct {
		enter, leave [][]string
		says         string
	}{
		"full":                      {set("maxmemory", "1"), set("maxmemory", "0"), "set maxmemory-policy to allkeys-lru"},
		"without replicas":          {set("min-replicas-to-write", "1"), set("min-replicas-to-write", "0"), "see min-replicas-to-write"},
		"a replica":                 {[][]string{{"REPLICAOF", "127.0.0.1", "1"}}, [][]string{{"REPLICAOF", "NO", "ONE"}}, "that of a replica"},
		"a replica without primary": {append(set("replica-serve-stale-data", "no"), []string{"REPLICAOF", "127.0.0.1", "1"}), [][]string{{"REPLICAOF", "NO", "ONE"}}, "a replica"},
	} {
		t.Run(name, func(t *testing.T) {
			eachBrand(t, func(t *testing.T, options servers.ValkeyOptions) {
				server := servers.NewValkey(t, options)
				var log journal
				s, tenants := newStore(t, patiently(valkey.ClientOption{InitAddress: []string{server.Addr()}}), 100, valkeytier.WithDeadline(ample), log.option())
				startLoad(t, s, tenants, 4)
				hits(t, s, 100)
				do := func(commands [][]string) {
					for _, words := range commands {
						if answer, err := server.Do(t.Context(), words...); err != nil || !strings.HasPrefix(answer, "+OK") {
							t.Fatal(words, answer, err)
						}
					}
				}
				do(c.enter)
				eventually(t, "an open breaker", func() bool { return stats(s).State != observe.BreakerClosed })
				half := s.Shared().(*valkeytier.Cache).BreakerStats().HalfOpened
				eventually(t, "probes", func() bool { return s.Shared().(*valkeytier.Cache).BreakerStats().HalfOpened > half+2 })
				do(c.leave)
				eventually(t, "a closed breaker", func() bool { return stats(s).State == observe.BreakerClosed })
				hits(t, s, 100)
				if lines := log.warnings(); len(lines) != 1 || !strings.Contains(lines[0], c.says) {
					t.Errorf("logged %q, want one line that says %q", lines, c.says)
				}
			})
		})
	}
}

// A script of somebody else that runs for long.
func TestBusyServer(t *testing.T) {
	eachBrand(t, func(t *testing.T, options servers.ValkeyOptions) {
		options.Settings = map[string]string{"lua-time-limit": "10"}
		server := servers.NewValkey(t, options)
		var log journal
		s, tenants := newStore(t, valkey.ClientOption{InitAddress: []string{server.Addr()}}, 100, log.option())
		startLoad(t, s, tenants, 4)
		hits(t, s, 100)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _, _ = server.Do(ctx, "EVAL", "while true do end", "0") }()
		eventually(t, "an open breaker", func() bool { return stats(s).State != observe.BreakerClosed })
		eventually(t, "an end of the script", func() bool {
			answer, err := server.Do(t.Context(), "SCRIPT", "KILL")
			return err == nil && strings.HasPrefix(answer, "+OK")
		})
		hits(t, s, 100)
	})
}

// The address of a primary leads to another server after a failover, as a DNS name or a
// service of Kubernetes does, while the connections that are there lead to what has
// become a replica.
func TestAddressOfAFailover(t *testing.T) {
	eachBrand(t, func(t *testing.T, options servers.ValkeyOptions) {
		old, addr := servers.NewValkey(t, options), servers.NewValkey(t, options).Addr()
		route := newRoute(old.Addr())
		var log journal
		s, tenants := newStore(t, patiently(valkey.ClientOption{InitAddress: []string{"primary.invalid:6379"}, DialCtxFn: route.dial}), 100,
			valkeytier.WithDeadline(ample), log.option())
		startLoad(t, s, tenants, 4)
		hits(t, s, 100)
		route.to.Store(&addr)
		if answer, err := old.Do(t.Context(), "REPLICAOF", "127.0.0.1", "1"); err != nil || answer != "+OK" {
			t.Fatal(answer, err)
		}
		eventually(t, "an open breaker", func() bool { return stats(s).Opened > 0 })
		hits(t, s, 1000)
		if lines := log.warnings(); len(lines) != 1 || !strings.Contains(lines[0], "that of a replica") {
			t.Errorf("logged %q, want one line", lines)
		}
	})
}

// route is an address that leads to one server after another.
type route struct{ to atomic.Pointer[string] }

func newRoute(to string) *route {
	r := &route{}
	r.to.Store(&to)
	return r
}

func (r *route) dial(ctx context.Context, _ string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
	return d.DialContext(ctx, "tcp", *r.to.Load())
}
