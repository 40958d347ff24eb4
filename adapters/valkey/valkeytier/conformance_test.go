package valkeytier_test

import (
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/conformance/bustest"
	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/conformance/storetest"
	"github.com/go-tenancy/tenantstore/conformance/tiertest"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

func TestConformance(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) { storetest.Run(t, harness(option)) })
}

// Behind a local cache, which joins its stack.
func TestConformanceStacked(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		h := harness(option)
		one := h.Open
		h.Open = func(tb testing.TB) tenancy.Store {
			s, err := tier.New(one(tb), tier.Local(faults.NewLocal()))
			if err != nil {
				tb.Fatal(err)
			}
			return s
		}
		storetest.Run(t, h)
	})
}

// The contract of a cache, without a tier.
func TestCacheContract(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		open := func(tb testing.TB, prefix string, opts ...valkeytier.Option) tier.SharedCache {
			opts = append([]valkeytier.Option{valkeytier.WithKeyPrefix(prefix), valkeytier.WithDeadline(ample), valkeytier.WithLeaseTime(time.Hour)}, opts...)
			c, err := valkeytier.NewCache(option, opts...)
			if err != nil {
				tb.Fatal(err)
			}
			until(tb, "connected", func() bool { return c.Stats().State == observe.BreakerClosed })
			return &prefixed{c, prefix}
		}
		tiertest.RunShared(t, tiertest.SharedHarness{
			Open: func(tb testing.TB) tier.SharedCache { return open(tb, newPrefix(), valkeytier.WithPlainSecrets()) },
			OpenBrief: func(tb testing.TB) tier.SharedCache {
				return open(tb, newPrefix(), valkeytier.WithLeaseTime(valkeytier.LeaseTime))
			},
			OpenRefusing: func(tb testing.TB) tier.SharedCache { return open(tb, newPrefix()) },
			Peer: func(tb testing.TB, c tier.SharedCache) tier.SharedCache {
				return open(tb, c.(*prefixed).prefix, valkeytier.WithPlainSecrets())
			},
		})
	})
}

// prefixed is a cache that remembers its prefix, for its peers.
type prefixed struct {
	*valkeytier.Cache
	prefix string
}

func TestBusContract(t *testing.T) {
	eachServer(t, func(t *testing.T, option valkey.ClientOption) {
		open := func(tb testing.TB, prefix string) tier.Bus {
			p, through := newProxy(tb, option)
			b, err := valkeytier.NewBus(through, valkeytier.WithKeyPrefix(prefix), valkeytier.WithDeadline(ample))
			if err != nil {
				tb.Fatal(err)
			}
			return &proxiedBus{b, prefix, p}
		}
		bustest.Run(t, bustest.Harness{
			Open:       func(tb testing.TB) tier.Bus { return open(tb, newPrefix()) },
			Peer:       func(tb testing.TB, b tier.Bus) tier.Bus { return open(tb, b.(*proxiedBus).prefix) },
			Disconnect: func(_ testing.TB, b tier.Bus) { b.(*proxiedBus).proxy.cut() },
		})
	})
}

// proxiedBus is a bus whose connections can be cut without those of others on the
// same server.
type proxiedBus struct {
	*valkeytier.Bus
	prefix string
	proxy  *proxy
}

func harness(option valkey.ClientOption) storetest.Harness {
	option.Dialer.KeepAlive = ample // in valkey-go 1.0.79, the first ping races with the rest of connecting, if that takes so long
	return storetest.Harness{
		Open: func(tb testing.TB) tenancy.Store { return over(tb, newPrimary(), option) },
		OpenSoftDelete: func(tb testing.TB) tenancy.Store {
			return over(tb, newPrimary(memstore.WithSoftDelete()), option)
		},
		OpenChecked: func(tb testing.TB, check func(tenancy.Metadata) error) tenancy.Store {
			return over(tb, newPrimary(memstore.WithMetadataCheck(check)), option)
		},
		OpenNames: func(tb testing.TB, o storetest.NameOptions) tenancy.Store {
			return over(tb, newPrimary(memstore.WithClaimLifetime(o.ClaimLifetime), memstore.WithKeepFormer(o.KeepFormer)), option)
		},
		Source: true,
		Compact: func(tb testing.TB, s tenancy.Store, revision tenancy.Revision) {
			primaryOf(tb, s).Compact(revision)
		},
		Backup: func(tb testing.TB, s tenancy.Store) func(testing.TB) {
			m := primaryOf(tb, s)
			backup := m.Backup()
			return func(testing.TB) { m.Restore(backup) }
		},
		Peer: func(tb testing.TB, s tenancy.Store) tenancy.Store {
			second := *primaryOf(tb, s)
			second.lent = true
			return over(tb, &second, option)
		},
	}
}

// primary is a store in memory with the prefix of its keys in Valkey, which all
// who share the one share too.
type primary struct {
	*memstore.Store
	prefix string
	lent   bool // closing it leaves the store open
}

func newPrimary(opts ...memstore.Option) *primary {
	return &primary{Store: memstore.New(opts...), prefix: newPrefix()}
}

func (p *primary) Close() error {
	if p.lent {
		return nil
	}
	return p.Store.Close()
}

// over puts Valkey in front of next, with long deadlines: the machine may be busy, and
// what is tested is not what happens without Valkey.
func over(tb testing.TB, next tenancy.Store, option valkey.ClientOption, opts ...valkeytier.Option) *tier.Store {
	tb.Helper()
	prefix := newPrefix()
	if p, ok := next.(*primary); ok {
		prefix = p.prefix
	}
	opts = append([]valkeytier.Option{
		valkeytier.WithKeyPrefix(prefix), valkeytier.WithPlainSecrets(), valkeytier.WithBus(), valkeytier.WithDeadline(ample),
		valkeytier.WithTier(tier.WithLoadTimeout(time.Minute), tier.WithFollowTimeout(time.Minute)),
	}, opts...)
	s, err := valkeytier.New(next, option, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// primaryOf returns the store under the caches.
func primaryOf(tb testing.TB, s tenancy.Store) *primary {
	tb.Helper()
	stack, ok := tier.Of(s)
	if !ok {
		tb.Fatalf("%T is no stack", s)
	}
	p, ok := stack.Next.(*primary)
	if !ok {
		tb.Fatalf("there is a %T under the caches", stack.Next)
	}
	return p
}
