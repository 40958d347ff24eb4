//go:build unix

package valkey_test

import (
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// A stopped server: no read fails or waits for it to go on, goroutines do not pile up,
// and all goes on by itself.
func TestStoppedServerUnderLoad(t *testing.T) {
	eachBrand(t, func(t *testing.T, options servers.ValkeyOptions) {
		server := servers.NewValkey(t, options)
		s, tenants := newStore(t, valkey.ClientOption{InitAddress: []string{server.Addr()}}, 100)
		l := startLoad(t, s, tenants, 64)
		for range 3 {
			hits(t, s, 1000)
			goroutines := runtime.NumGoroutine()
			if err := server.Pause(); err != nil {
				t.Fatal(err)
			}
			l.goesOn(t, 1)
			withoutValkey(t, s, 10_000)
			l.goesOn(t, 10)
			if n := runtime.NumGoroutine(); n > goroutines+2*valkeytier.DefaultMaxCalls {
				t.Errorf("%d goroutines, %d before", n, goroutines)
			}
			if err := server.Resume(); err != nil {
				t.Fatal(err)
			}
		}
		hits(t, s, 1000)
	})
}

func TestKilledServerUnderLoad(t *testing.T) {
	eachBrand(t, func(t *testing.T, options servers.ValkeyOptions) {
		server := servers.NewValkey(t, options)
		s, tenants := newStore(t, valkey.ClientOption{InitAddress: []string{server.Addr()}}, 100)
		l := startLoad(t, s, tenants, 16)
		for range 3 {
			hits(t, s, 1000)
			if err := server.Kill(); err != nil {
				t.Fatal(err)
			}
			withoutValkey(t, s, 1000)
			l.goesOn(t, 10)
			if err := server.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		hits(t, s, 1000)
	})
}

// A server that is not there at the start is used when it comes.
func TestServerThatComesLater(t *testing.T) {
	eachBrand(t, func(t *testing.T, options servers.ValkeyOptions) {
		server := servers.NewValkey(t, options)
		if err := server.Stop(); err != nil {
			t.Fatal(err)
		}
		s, tenants := newStore(t, valkey.ClientOption{InitAddress: []string{server.Addr()}}, 10)
		l := startLoad(t, s, tenants, 4)
		l.goesOn(t, 100)
		if err := server.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		hits(t, s, 1000)
	})
}

// FLUSHALL, and a memory that is too small for all entries. Readers go round and
// round: eviction by random leaves them some hits, which that of the least
// recently used would not.
func TestLostEntries(t *testing.T) {
	eachBrand(t, func(t *testing.T, options servers.ValkeyOptions) {
		options.Settings = map[string]string{"maxmemory-policy": "allkeys-random"}
		server := servers.NewValkey(t, options)
		s, tenants := newStore(t, valkey.ClientOption{InitAddress: []string{server.Addr()}}, 1000)
		startLoad(t, s, tenants, 16)
		for range 5 {
			hits(t, s, 1000)
			if answer, err := server.Do(t.Context(), "FLUSHALL"); err != nil || answer != "+OK" {
				t.Fatal(answer, err)
			}
		}
		hits(t, s, 5000)
		used, err := strconv.Atoi(info(t, server, "memory", "used_memory"))
		if err != nil {
			t.Fatal(err)
		}
		if answer, err := server.Do(t.Context(), "CONFIG", "SET", "maxmemory", strconv.Itoa(used-100_000)); err != nil || answer != "+OK" {
			t.Fatal(answer, err)
		}
		eventually(t, "an eviction", func() bool { return info(t, server, "stats", "evicted_keys") != "0" })
		hits(t, s, 1000)
	})
}

// info returns a field of INFO.
func info(t *testing.T, server *servers.Valkey, section, field string) string {
	t.Helper()
	text, err := server.Do(t.Context(), "INFO", section)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), field+":"); ok {
			return value
		}
	}
	t.Fatalf("INFO %s lacks %s", section, field)
	return ""
}

// With noeviction and a full memory the server refuses every fill: the cache steps
// aside and says why.
func TestFullServer(t *testing.T) {
	eachBrand(t, func(t *testing.T, options servers.ValkeyOptions) {
		server := servers.NewValkey(t, options)
		s, tenants := newStore(t, valkey.ClientOption{InitAddress: []string{server.Addr()}}, 100)
		startLoad(t, s, tenants, 4)
		hits(t, s, 100)
		limit := func(bytes string) {
			if answer, err := server.Do(t.Context(), "CONFIG", "SET", "maxmemory", bytes); err != nil || answer != "+OK" {
				t.Fatal(answer, err)
			}
		}
		limit("1")
		eventually(t, "an open breaker", func() bool { return stats(s).State != observe.BreakerClosed })
		limit("0")
		hits(t, s, 100)
	})
}
