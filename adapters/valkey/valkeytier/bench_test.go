package valkeytier_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// benchKeys fills a cache with n tenants of about 350 bytes.
func benchKeys(b *testing.B, c *valkeytier.Cache, n int) []tenancy.Key {
	b.Helper()
	metadata, err := tenancy.ParseMetadata([]byte(`{"billing":{"currency":"EUR","plan":"enterprise","seats":250},"features":["sso","audit"],"region":"eu-central-1"}`))
	if err != nil {
		b.Fatal(err)
	}
	keys, entries := make([]tenancy.Key, n), make([]*tier.Entry, n)
	for i := range keys {
		keys[i] = tenancy.IDKey(tenancy.NewID())
		e := entry(5)
		e.Key, e.Snapshot.Tenant.ID, e.Snapshot.Tenant.Metadata = keys[i], keys[i].Value, metadata
		entries[i] = e
	}
	results, err := c.GetBatch(b.Context(), keys)
	if err != nil {
		b.Fatal(err)
	}
	tokens := make([]tier.Token, n)
	for i, r := range results {
		tokens[i] = r.Token
	}
	if err := c.PutBatch(b.Context(), tokens, entries); err != nil {
		b.Fatal(err)
	}
	return keys
}

// bareClient has the settings of the cache's own client.
func bareClient(b *testing.B, option valkey.ClientOption) valkey.Client {
	b.Helper()
	option.DisableRetry, option.AlwaysPipelining = true, true
	return admin(b, option)
}

// BenchmarkGet compares a hit with a bare GET of the same bytes.
func BenchmarkGet(b *testing.B) {
	option := server(b, "TENANTSTORE_VALKEY")
	c, prefix := newCache(b, option)
	client := bareClient(b, option)
	keys := benchKeys(b, c, 1000)
	for _, goroutines := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("bare/goroutines=%d", goroutines), func(b *testing.B) {
			inParallel(b, goroutines, func(i int) error {
				_, err := client.Do(context.Background(), client.B().Get().Key(prefix+"id:"+keys[i%1000].Value).Build()).ToString()
				return err
			})
		})
		b.Run(fmt.Sprintf("cache/goroutines=%d", goroutines), func(b *testing.B) {
			inParallel(b, goroutines, func(i int) error {
				r, err := c.Get(context.Background(), keys[i%1000])
				if err == nil && r.Entry == nil {
					return fmt.Errorf("no entry: %+v", c.Stats())
				}
				return err
			})
		})
	}
}

// inParallel calls do b.N times from so many goroutines.
func inParallel(b *testing.B, goroutines int, do func(i int) error) {
	b.ReportAllocs()
	share := max(1, b.N/goroutines)
	errs := make(chan error, goroutines)
	b.ResetTimer()
	for range goroutines {
		go func() {
			var err error
			for i := 0; i < share && err == nil; i++ {
				err = do(i)
			}
			errs <- err
		}()
	}
	for range goroutines {
		if err := <-errs; err != nil {
			b.Error(err)
		}
	}
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
					_, err = tier.Codec{}.Decode(text)
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
			results, err := c.GetBatch(context.Background(), keys)
			if err != nil || results[999].Entry == nil {
				b.Fatal(err, results[999])
			}
		}
	})
}
