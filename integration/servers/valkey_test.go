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

// TestSentinelsPromoteTheReplica: without what the primary had got since the two
// parted. The old primary becomes the replica of the new one.
func TestSentinelsPromoteTheReplica(t *testing.T) {
	eachBrand(t, func(t *testing.T, options servers.ValkeyOptions) {
		s := servers.NewSentinelSet(t, options)
		if len(s.Addrs()) != 3 {
			t.Fatalf("sentinels at %v", s.Addrs())
		}
		replicate(t, s.Primary, s.Replica, "old")
		if err := s.Part(t.Context()); err != nil {
			t.Fatal(err)
		}
		ask(t, s.Primary, "SET", "k", "new")
		if err := s.Primary.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := s.Replaced(t.Context(), s.Primary); err != nil {
			t.Fatal(err)
		}
		primary, replica, err := s.Roles(t.Context())
		if err != nil || primary != s.Replica || replica != s.Primary {
			t.Fatalf("the roles are not exchanged; %v", err)
		}
		if got := ask(t, primary, "GET", "k"); got != "old" {
			t.Errorf("the new primary has %q, want what it had when they parted", got)
		}
		if err := replica.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Reunite(t.Context()); err != nil {
			t.Fatal(err)
		}
		replicate(t, primary, replica, "newer")
	})
}

// replicate writes to one server and waits until the other has got it.
func replicate(t *testing.T, to, from *servers.Valkey, value string) {
	t.Helper()
	ask(t, to, "SET", "k", value)
	for deadline := time.Now().Add(5 * time.Minute); ask(t, from, "GET", "k") != value; {
		if time.Now().After(deadline) {
			t.Fatal("the replica does not follow")
		}
		time.Sleep(time.Millisecond)
	}
}
