//go:build unix

package servers_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/integration/servers"
)

// eachBrand runs test with Valkey and with Redis.
func eachBrand(t *testing.T, test func(t *testing.T, options servers.ValkeyOptions)) {
	t.Helper()
	t.Run("valkey", func(t *testing.T) { test(t, servers.ValkeyOptions{}) })
	t.Run("redis", func(t *testing.T) { test(t, servers.ValkeyOptions{Redis: true}) })
}

func ask(t *testing.T, v *servers.Valkey, words ...string) string {
	t.Helper()
	answer, err := v.Do(t.Context(), words...)
	if err != nil || strings.HasPrefix(answer, "-") {
		t.Fatalf("%s: %q, %v", strings.Join(words, " "), answer, err)
	}
	return answer
}

func TestValkeyStopsAndStarts(t *testing.T) {
	eachBrand(t, func(t *testing.T, options servers.ValkeyOptions) {
		options.Settings = map[string]string{"appendonly": "yes", "appendfsync": "always"}
		v := servers.NewValkey(t, options)
		addr := v.Addr()
		ask(t, v, "SET", "k", "kept")
		for _, end := range []func() error{v.Stop, v.Kill} {
			if err := end(); err != nil {
				t.Fatal(err)
			}
			if answer, err := v.Do(t.Context(), "PING"); err == nil {
				t.Fatalf("the server answers %q after its end", answer)
			}
			if err := v.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := ask(t, v, "GET", "k"); got != "kept" || v.Addr() != addr {
				t.Errorf("%q at %s, want the value at %s", got, v.Addr(), addr)
			}
		}
	})
}

func TestValkeyPauses(t *testing.T) {
	eachBrand(t, func(t *testing.T, options servers.ValkeyOptions) {
		v := servers.NewValkey(t, options)
		if err := v.Pause(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if answer, err := v.Do(ctx, "PING"); err == nil {
			t.Errorf("a paused server answers %q", answer)
		}
		if err := v.Resume(); err != nil {
			t.Fatal(err)
		}
		ask(t, v, "PING")
		if err := v.Pause(); err != nil { // a paused one can be closed
			t.Fatal(err)
		}
	})
}

func TestCluster(t *testing.T) {
	eachBrand(t, func(t *testing.T, options servers.ValkeyOptions) {
		c := servers.NewCluster(t, options, 3)
		if len(c.Addrs()) != 3 {
			t.Fatalf("shards at %v", c.Addrs())
		}
		stored := 0
		for _, v := range c.Shards { // one of them has the slot of k
			answer, err := v.Do(t.Context(), "SET", "k", "v")
			if err != nil {
				t.Fatal(err)
			}
			if answer == "+OK" {
				stored++
			} else if !strings.HasPrefix(answer, "-MOVED") {
				t.Errorf("%s answers %q", v.Addr(), answer)
			}
		}
		if stored != 1 {
			t.Errorf("%d shards took the key", stored)
		}
	})
}

func TestSentinelsPromoteTheReplica(t *testing.T) {
	eachBrand(t, func(t *testing.T, options servers.ValkeyOptions) {
		s := servers.NewSentinelSet(t, options)
		if len(s.Addrs()) != 3 {
			t.Fatalf("sentinels at %v", s.Addrs())
		}
		if err := s.Primary.Kill(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); !strings.Contains(ask(t, s.Replica, "INFO", "replication"), "role:master"); {
			if time.Now().After(deadline) {
				t.Fatal("the replica was not promoted")
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
}
