//go:build unix

package stacks

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// BenchmarkStoppedValkey measures reads of stacks whose Valkey hangs, once the breaker
// is open, beside those of the same stacks without Valkey, in turns. Where there is a
// cache in memory, it holds half of the tenants.
func BenchmarkStoppedValkey(b *testing.B) {
	const (
		tenants = 20_000
		batch   = 1000
		callers = 8
		reads   = 50 // of each caller, in one turn
	)
	postgres := servers.NewPostgres(b, servers.PostgresOptions{})
	open := func() tenancy.Store {
		s, err := bunpg.Open(b.Context(), postgres.DSN())
		return must(b, s, err)
	}
	ids := make([]string, 0, tenants)
	raw := open()
	for len(ids) < tenants {
		some := make([]tenancy.Tenant, batch)
		for i := range some {
			some[i] = tenancy.Tenant{Identifier: fmt.Sprintf("tenant-%d", len(ids)+i), Name: "Tenant"}
		}
		created, err := raw.CreateBatch(b.Context(), some)
		for _, r := range must(b, created, err) {
			ids = append(ids, must(b, r.Tenant, r.Err).ID)
		}
	}
	if err := raw.Close(); err != nil {
		b.Fatal(err)
	}
	for _, inMemory := range []bool{false, true} {
		name := "valkey"
		if inMemory {
			name = "ristretto over valkey"
		}
		b.Run(name, func(b *testing.B) {
			valkey := servers.NewValkey(b, servers.ValkeyOptions{})
			build := func(a arrangement) tenancy.Store {
				s := a.build(b, open(), valkey.Addr(), "bench")
				if inMemory {
					var err error
					s, err = ristrettotier.New(s, ristrettotier.WithMaxEntries(tenants/2))
					s = must(b, s, err)
				}
				b.Cleanup(func() {
					if err := s.Close(); err != nil {
						b.Error(err)
					}
				})
				return s
			}
			turn := func(s tenancy.Store) []time.Duration { return timed(b, s, ids, callers, reads) }
			with, without := build(arrangement{shared}), build(nil)
			stack, _ := tier.Of(with)
			cache := stack.Shared().(*valkeytier.Cache)
			eventually(b, "Valkey is used", func() bool { turn(with); return cache.Stats().State == observe.BreakerClosed })
			if err := valkey.Pause(); err != nil {
				b.Fatal(err)
			}
			eventually(b, "the breaker opens", func() bool { turn(with); return cache.Stats().State != observe.BreakerClosed })
			for range tenants / callers / reads { // the memory of each is full
				turn(with)
				turn(without)
			}
			var tookWith, tookWithout []time.Duration
			for b.Loop() {
				tookWith = append(tookWith, turn(with)...)
				tookWithout = append(tookWithout, turn(without)...)
			}
			reportQuantile(b, "p50-µs", tookWith, 50)
			reportQuantile(b, "without-p50-µs", tookWithout, 50)
			p99, plain := reportQuantile(b, "p99-µs", tookWith, 99), reportQuantile(b, "without-p99-µs", tookWithout, 99)
			b.ReportMetric(float64(p99)/float64(max(plain, 1)), "p99/without")
		})
	}
}

// timed returns how long each of callers*reads lookups of random tenants has taken.
func timed(b *testing.B, s tenancy.Store, ids []string, callers, reads int) []time.Duration {
	took := make([]time.Duration, callers*reads)
	var work sync.WaitGroup
	for c := range callers {
		work.Go(func() {
			for i := range reads {
				id := ids[rand.IntN(len(ids))]
				began := time.Now()
				if _, err := s.GetByID(context.Background(), id); err != nil {
					b.Error(err)
				}
				took[c*reads+i] = time.Since(began)
			}
		})
	}
	work.Wait()
	return took
}
