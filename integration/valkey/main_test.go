//go:build unix

package valkey_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

func TestMain(m *testing.M) { servers.VerifyTestMain(m) }

const (
	// patience tells a test that hangs from one on a busy machine.
	patience = 5 * time.Minute
	// ample is the deadline of calls that are answered: the longest one.
	ample = time.Minute
	// brief is the deadline of calls of which some are answered, also on a busy machine,
	// and others never are.
	brief = 2 * time.Second
)

// patiently returns options with time to connect, for tests in which no call may fail.
func patiently(option valkey.ClientOption) valkey.ClientOption {
	option.Dialer.Timeout = ample
	return option
}

// eachBrand runs test with Valkey and with Redis.
func eachBrand(t *testing.T, test func(t *testing.T, options servers.ValkeyOptions)) {
	t.Helper()
	t.Run("valkey", func(t *testing.T) { test(t, servers.ValkeyOptions{}) })
	t.Run("redis", func(t *testing.T) { test(t, servers.ValkeyOptions{Redis: true}) })
}

// newStore returns a tier over a store in memory that holds n tenants.
func newStore(t *testing.T, option valkey.ClientOption, n int, opts ...valkeytier.Option) (*tier.Store, []tenancy.Tenant) {
	t.Helper()
	db := memstore.New()
	tenants := make([]tenancy.Tenant, n)
	for i := range tenants {
		var err error
		tenants[i], err = db.Create(t.Context(), tenancy.Tenant{Identifier: "t-" + strings.ToLower(tenancy.NewID()), Name: "T"})
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := valkeytier.New(db, option, append([]valkeytier.Option{valkeytier.WithDeadline(brief)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, tenants
}

func stats(s *tier.Store) valkeytier.Stats { return s.Shared().(*valkeytier.Cache).Stats() }

var eventually = servers.Eventually

// hits waits until so many more lookups are answered by the cache.
func hits(t *testing.T, s *tier.Store, n int64) {
	t.Helper()
	from := s.Stats().Shared.Hits
	eventually(t, "hits", func() bool { return s.Stats().Shared.Hits >= from+n })
}

// load reads all the time, and checks each answer.
type load struct {
	stop    context.CancelFunc
	readers sync.WaitGroup
	made    []atomic.Int64 // reads of each reader
}

func startLoad(t *testing.T, s *tier.Store, tenants []tenancy.Tenant, readers int) *load {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	l := &load{stop: stop, made: make([]atomic.Int64, readers)}
	for r := range readers {
		l.readers.Go(func() {
			for i := r; ctx.Err() == nil; i++ {
				want := tenants[i%len(tenants)]
				got, err := s.GetByID(context.Background(), want.ID)
				if err != nil || got != want {
					t.Errorf("%+v, %v, want %+v", got, err, want)
					return
				}
				l.made[r].Add(1)
			}
		})
	}
	t.Cleanup(l.end)
	return l
}

func (l *load) end() {
	l.stop()
	l.readers.Wait()
}

// goesOn waits until each reader has made so many more reads, and one more, which may
// have begun before.
func (l *load) goesOn(t *testing.T, reads int64) {
	t.Helper()
	from := make([]int64, len(l.made))
	for i := range l.made {
		from[i] = l.made[i].Load()
	}
	for i, n := range from {
		eventually(t, "reads of each reader", func() bool { return l.made[i].Load() > n+reads || t.Failed() })
	}
}

// withoutValkey waits until so many more calls were refused because the breaker is open.
func withoutValkey(t *testing.T, s *tier.Store, calls int64) {
	t.Helper()
	refused := stats(s).Refused
	eventually(t, "an open breaker", func() bool { return stats(s).Refused >= refused+calls })
}
