package valkeytier_test

import (
	"context"
	"net"
	"os"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

const (
	// patience tells a test that hangs from one on a busy machine.
	patience = 5 * time.Minute
	// ample is the deadline of calls that are answered: the longest one.
	ample = time.Minute
)

// eachServer runs test against Valkey and against Redis.
func eachServer(t *testing.T, test func(t *testing.T, option valkey.ClientOption)) {
	t.Helper()
	for name, env := range map[string]string{"valkey": "TENANTSTORE_VALKEY", "redis": "TENANTSTORE_REDIS"} {
		t.Run(name, func(t *testing.T) { test(t, server(t, env)) })
	}
}

// server returns the options for the server that env names.
func server(tb testing.TB, env string) valkey.ClientOption {
	tb.Helper()
	addr := os.Getenv(env)
	switch {
	case addr != "":
	case os.Getenv("CI") != "" || os.Getenv("TENANTSTORE_REQUIRE_SERVERS") != "":
		tb.Fatalf("%s is not set, and servers are required: run make test", env)
	default:
		tb.Skipf("needs a server: run make test, or set %s to its host:port", env)
	}
	// A stack goes on without its shared cache, and many a test would pass.
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		tb.Fatalf("no server where %s says: %v", env, err)
	}
	_ = conn.Close()
	return valkey.ClientOption{InitAddress: []string{addr}, Dialer: net.Dialer{Timeout: ample}}
}

// admin returns a client of the test's own.
func admin(tb testing.TB, option valkey.ClientOption) valkey.Client {
	tb.Helper()
	option.DisableCache = true
	c, err := valkey.NewClient(option)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

// do runs a command as it is typed.
func do(tb testing.TB, c valkey.Client, words ...string) valkey.ValkeyResult {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r := c.Do(ctx, c.B().Arbitrary(words...).Build())
	if err := r.Error(); err != nil && !valkey.IsValkeyNil(err) {
		tb.Fatalf("%s: %v", words[0], err)
	}
	return r
}

func value(tb testing.TB, c valkey.Client, name string) string {
	tb.Helper()
	v, err := do(tb, c, "GET", name).ToString()
	if err != nil && !valkey.IsValkeyNil(err) {
		tb.Fatal(err)
	}
	return v
}

// newPrefix returns a key prefix that nobody else uses, with characters that mean
// something in a pattern.
func newPrefix() string { return "test[*]?" + tenancy.NewID() + ":" }

// newCache returns a cache with a prefix of its own.
func newCache(tb testing.TB, option valkey.ClientOption, opts ...valkeytier.Option) (c *valkeytier.Cache, prefix string) {
	tb.Helper()
	prefix = newPrefix()
	opts = append([]valkeytier.Option{valkeytier.WithKeyPrefix(prefix), valkeytier.WithDeadline(ample), valkeytier.WithLeaseTime(time.Hour)}, opts...)
	c, err := valkeytier.NewCache(option, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
	})
	until(tb, "connected", func() bool { return c.Stats().State == observe.BreakerClosed }) // the first attempt may fail
	return c, prefix
}

// until waits for a condition.
func until(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("never happened: %s", what)
		}
	}
}

// getOne is Get of one key, putOne Put of one entry.
func getOne(ctx context.Context, c *valkeytier.Cache, key tenancy.Key) (tier.Result, error) {
	results, err := c.Get(ctx, []tenancy.Key{key})
	if err != nil {
		return tier.Result{}, err
	}
	return results[0], nil
}

func putOne(ctx context.Context, c *valkeytier.Cache, token tier.Token, e *tier.Entry) error {
	_, err := c.Put(ctx, []tier.Fill{{Entry: e, Token: token}})
	return err
}

func fills(tokens []tier.Token, entries []*tier.Entry) []tier.Fill {
	out := make([]tier.Fill, len(entries))
	for i, e := range entries {
		out[i] = tier.Fill{Entry: e, Token: tokens[i]}
	}
	return out
}
