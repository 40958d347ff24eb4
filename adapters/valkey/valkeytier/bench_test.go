package valkeytier_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/entrycodec"
	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// benchKeys fills a cache with n tenants of about 350 bytes.
func benchKeys(b *testing.B, c *valkeytier.Cache, n int) []tenancy.Key {
	b.Helper()
	metadata := benchMetadata(b)
	keys, entries := make([]tenancy.Key, n), make([]*tier.Entry, n)
	for i := range keys {
		keys[i] = tenancy.IDKey(tenancy.NewID())
		e := entry(5)
		e.Key, e.Versioned.Tenant.ID, e.Versioned.Tenant.Metadata = keys[i], keys[i].Value, metadata
		entries[i] = e
	}
	results, err := c.Get(b.Context(), keys)
	if err != nil {
		b.Fatal(err)
	}
	tokens := make([]tier.Token, n)
	for i, r := range results {
		tokens[i] = r.Token
	}
	if _, err := c.Put(b.Context(), fills(tokens, entries)); err != nil {
		b.Fatal(err)
	}
	return keys
}

func benchMetadata(b *testing.B) tenancy.Metadata {
	b.Helper()
	m, err := tenancy.ParseMetadata([]byte(`{"billing":{"currency":"EUR","plan":"enterprise","seats":250},"features":["sso","audit"],"region":"eu-central-1"}`))
	if err != nil {
		b.Fatal(err)
	}
	return m
}

// bareClient has the settings of the cache's own client, but for MaxFlushDelay: it is
// a client as most people have it.
func bareClient(b *testing.B, option valkey.ClientOption) valkey.Client {
	b.Helper()
	option.DisableRetry, option.AlwaysPipelining = true, true
	return admin(b, option)
}

// BenchmarkGet compares hits with a bare GET of the same bytes, by so many
// goroutines: of the cache, and of a tier over it that has nothing to load.
func BenchmarkGet(b *testing.B) {
	const tenants = 1000
	option := server(b, "TENANTSTORE_VALKEY")
	store := memstore.New()
	b.Cleanup(func() { _ = store.Close() })
	prefix := newPrefix()
	c, err := valkeytier.NewCache(option, valkeytier.WithKeyPrefix(prefix), valkeytier.WithDeadline(200*time.Millisecond)) // longer ones cost a timer each
	if err != nil {
		b.Fatal(err)
	}
	s, err := tier.New(store, tier.Shared(c))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	keys := make([]tenancy.Key, tenants)
	for i := range keys {
		t, err := s.Create(b.Context(), tenancy.Tenant{Identifier: fmt.Sprintf("tenant-%d", i), Name: "Tenant", Metadata: benchMetadata(b)})
		if err != nil {
			b.Fatal(err)
		}
		keys[i] = tenancy.IDKey(t.ID)
	}
	before := s.Stats()
	for loads := int64(-1); loads != before.Loads; before = s.Stats() { // until Valkey has everything
		loads = before.Loads
		for _, key := range keys {
			if _, err := s.GetByID(b.Context(), key.Value); err != nil {
				b.Fatal(err)
			}
		}
	}
	client := bareClient(b, option)
	ctx := context.Background()
	bare := func(i int) error {
		return client.Do(ctx, client.B().Get().Key(prefix+"id:"+keys[i%tenants].Value).Build()).Error()
	}
	for _, goroutines := range []int{1, 4, 16, 64} {
		for name, get := range map[string]func(i int) error{
			"set-nx-get": func(i int) error {
				return client.Do(ctx, client.B().Set().Key(prefix+"id:"+keys[i%tenants].Value).Value("L123456789").Nx().Get().PxMilliseconds(1000).Build()).Error()
			},
			"cache": func(i int) error {
				r, err := getOne(ctx, c, keys[i%tenants])
				if err == nil && r.Entry == nil {
					return fmt.Errorf("no entry: %+v", c.Stats())
				}
				return err
			},
			"tier": func(i int) error {
				_, err := s.GetByID(ctx, keys[i%tenants].Value)
				return err
			},
		} {
			b.Run(fmt.Sprintf("%s/goroutines=%d", name, goroutines), func(b *testing.B) { compare(b, goroutines, get, bare) })
		}
	}
	// On a busy machine, Valkey may not answer within the deadline.
	if after := s.Stats(); after.Loads != before.Loads {
		b.Logf("%d loads were measured among the hits", after.Loads-before.Loads)
	}
}

// compare runs rounds of get and of the baseline in turns, so that both meet the
// same noise. It reports the medians of the time of get and of its throughput, as a
// share of that of the baseline beside it.
func compare(b *testing.B, goroutines int, get, baseline func(i int) error) {
	const calls = 4096
	var times, shares []float64
	for b.Loop() {
		took := inParallel(b, goroutines, calls, get)
		times = append(times, float64(took.Nanoseconds())/calls)
		shares = append(shares, float64(inParallel(b, goroutines, calls, baseline))/float64(took))
	}
	slices.Sort(times)
	slices.Sort(shares)
	b.ReportMetric(times[len(times)/2], "ns/op")
	b.ReportMetric(shares[len(shares)/2], "of-bare")
}

// inParallel calls do so many times from so many goroutines.
func inParallel(b *testing.B, goroutines, calls int, do func(i int) error) time.Duration {
	b.Helper()
	var errs []error
	var mu sync.Mutex
	var working sync.WaitGroup
	began := time.Now()
	for g := range goroutines {
		working.Go(func() {
			for i := range calls / goroutines {
				if err := do(g*calls/goroutines + i); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
					return
				}
			}
		})
	}
	working.Wait()
	took := time.Since(began)
	if len(errs) > 0 {
		b.Fatal(errors.Join(errs...))
	}
	return took
}

// BenchmarkGetBatch compares 1000 hits with a bare MGET of the same bytes and the
// decoding of them.
func BenchmarkGetBatch(b *testing.B) {
	option := server(b, "TENANTSTORE_VALKEY")
	c, prefix := newCache(b, option)
	client := bareClient(b, option)
	keys := benchKeys(b, c, 1000)
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = prefix + "id:" + k.Value
	}
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			values, err := client.Do(context.Background(), client.B().Mget().Key(names...).Build()).ToArray()
			if err != nil {
				b.Fatal(err)
			}
			for _, v := range values {
				text, err := v.ToString()
				if err == nil {
					_, _, err = entrycodec.Codec{}.Decode(text)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("cache", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			results, err := c.Get(context.Background(), keys)
			if err != nil || results[999].Entry == nil {
				b.Fatal(err, results[999])
			}
		}
	})
}
