//go:build unix

package valkey_test

import (
	"context"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// With a server that is stopped, every call ends with its context, and Close ends what
// is under way, whatever the deadline of calls: also while a connection is being made.
func TestCloseWithAStoppedServer(t *testing.T) {
	for name, c := range map[string]struct {
		deadline time.Duration
		stopped  bool // before the cache is made
	}{
		"connected":                      {valkeytier.DefaultDeadline, false},
		"connected, long deadline":       {time.Minute, false},
		"while it connects":              {valkeytier.DefaultDeadline, true},
		"while it connects, no deadline": {time.Minute, true},
	} {
		t.Run(name, func(t *testing.T) {
			server := servers.NewValkey(t, servers.ValkeyOptions{})
			option := valkey.ClientOption{InitAddress: []string{server.Addr()}}
			pause := func() {
				if err := server.Pause(); err != nil {
					t.Fatal(err)
				}
			}
			if c.stopped {
				pause()
			}
			cache, err := valkeytier.NewCache(option, valkeytier.WithDeadline(c.deadline))
			if err != nil {
				t.Fatal(err)
			}
			bus, err := valkeytier.NewBus(option, valkeytier.WithDeadline(c.deadline))
			if err != nil {
				t.Fatal(err)
			}
			bus.Subscribe(t.Context(), func(tenancy.Position) {})
			if !c.stopped {
				eventually(t, "connected", func() bool { return cache.Stats().State == observe.BreakerClosed && bus.Connected() })
				pause()
			}
			for name, call := range map[string]func(ctx context.Context) error{
				"Get": func(ctx context.Context) error {
					_, err := cache.Get(ctx, []tenancy.Key{tenancy.IDKey("t1")})
					return err
				},
				"Get of many": func(ctx context.Context) error {
					_, err := cache.Get(ctx, []tenancy.Key{tenancy.IDKey("t1"), tenancy.IDKey("t2")})
					return err
				},
				"Release":       func(ctx context.Context) error { return cache.Release(ctx, tenancy.IDKey("t1"), 1) },
				"InvalidateAll": func(ctx context.Context) error { _, err := cache.InvalidateAll(ctx); return err },
				"Publish":       func(ctx context.Context) error { return bus.Publish(ctx, tenancy.Position{Revision: 1}) },
			} {
				ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
				begun := time.Now()
				err := call(ctx)
				t.Logf("%s took %v: %v", name, time.Since(begun), err)
				if took := time.Since(begun); err == nil || took > patience/2 {
					t.Errorf("%s took %v: %v", name, took, err)
				}
				cancel()
			}
			begun := time.Now()
			for _, c := range []interface{ Close() error }{bus, cache} {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
				t.Logf("%T closed after %v", c, time.Since(begun))
			}
			if took := time.Since(begun); took > patience/2 {
				t.Errorf("Close took %v", took)
			}
		})
	}
}
