package ristrettotier

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

func newTestCache(tb testing.TB, opts ...Option) *Cache {
	tb.Helper()
	c, err := NewCache(opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

// entry is one of a tenant as of a revision; negative for revision 0.
func entry(key tenancy.Key, revision tenancy.Revision) *tier.Entry {
	e := &tier.Entry{Key: key, TTL: time.Hour}
	if revision > 0 {
		e.Versioned = tenancy.Versioned{
			AsOf:   tenancy.Position{Revision: revision},
			Tenant: tenancy.Tenant{ID: key.Value, Identifier: key.Value, Revision: revision},
			Found:  true,
		}
	}
	return e
}

func slug(i int) tenancy.Key { return tenancy.IdentifierKey(fmt.Sprintf("tenant-%07d", i)) }

// What was put is there when Put returns, and a second Put replaces it, whatever
// ristretto was doing.
func TestPutIsVisibleAtOnce(t *testing.T) {
	c := newTestCache(t)
	for i := range 20_000 {
		for revision := range tenancy.Revision(3) { // absent, negative, tenant, newer tenant
			e := entry(slug(i), revision)
			c.Put(e)
			if c.Get(e.Key) != e {
				t.Fatalf("key %d: revision %d is not there after Put", i, revision)
			}
		}
	}
}

// The same with several callers: the last Put of a key is what stays.
func TestConcurrentPutsLoseNone(t *testing.T) {
	c := newTestCache(t)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 2_000 {
				for revision := range tenancy.Revision(2) {
					e := entry(slug(4*i+g), revision+1)
					c.Put(e)
					if c.Get(e.Key) != e {
						t.Errorf("key %d: lost", 4*i+g)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if st := c.Stats().Tenants; st.Entries != 8_000 || st.Used != 8_000 || st.Rejections != 0 {
		t.Errorf("%+v, want 8000 entries and no rejection", st)
	}
}

func TestKindsOfKeysAreApart(t *testing.T) {
	c := newTestCache(t)
	id, identifier := entry(tenancy.IDKey("acme"), 1), entry(tenancy.IdentifierKey("acme"), 2)
	c.Put(id)
	c.Put(identifier)
	if c.Get(id.Key) != id || c.Get(identifier.Key) != identifier {
		t.Error("an ID and an identifier of the same text are mixed up")
	}
}

// Two keys with one hash displace each other, and neither is taken for the other.
func TestHashCollision(t *testing.T) {
	c := newTestCache(t)
	acme, other := entry(slug(1), 1), slug(2)
	c.change(func() { c.tenants.put(c.hash(other), item{acme, c.now() + int64(time.Hour)}) })
	if e := c.Get(other); e != nil {
		t.Fatalf("Get(%v) returned the entry of %v", other, e.Key)
	}
	e := entry(other, 2)
	c.Put(e)
	if c.Get(other) != e {
		t.Error("the other key cannot be put")
	}
}

// A tenant that is deleted or created moves to the other space.
func TestNegativeReplacesTenant(t *testing.T) {
	c := newTestCache(t)
	for _, revision := range []tenancy.Revision{1, 0, 2, 0} {
		c.Put(entry(slug(1), revision))
		st := c.Stats()
		if e := c.Get(slug(1)); e == nil || e.Versioned.AsOf.Revision != revision || st.Tenants.Entries+st.Negatives.Entries != 1 {
			t.Errorf("revision %d: got %+v, %+v", revision, e, st)
		}
	}
}

func TestInvalidateAll(t *testing.T) {
	c := newTestCache(t, WithMaxEntries(1_000), WithMaxNegatives(100))
	for i := range 3_000 {
		c.Put(entry(slug(i), 1))
		c.Put(entry(slug(-i-1), 0))
	}
	before := c.Stats()
	if before.Tenants.Entries != 1_000 || before.Negatives.Entries != 100 {
		t.Fatalf("%+v, want full spaces", before)
	}
	if lost := before.Tenants.Evictions + before.Tenants.Rejections; lost != 2_000 {
		t.Errorf("%+v: want every one of 3000 entries accounted for", before.Tenants)
	}
	if n := c.InvalidateAll(); n != 1_100 {
		t.Errorf("InvalidateAll = %d, want 1100", n)
	}
	after := c.Stats()
	if after.Tenants.Entries != 0 || after.Tenants.Used != 0 || after.Negatives.Entries != 0 {
		t.Errorf("%+v, want empty spaces", after)
	}
	if after.Tenants.Evictions != before.Tenants.Evictions || after.Tenants.Rejections != before.Tenants.Rejections {
		t.Errorf("the counts went from %+v to %+v", before.Tenants, after.Tenants)
	}
	c.Put(entry(slug(1), 1))
	if c.Get(slug(1)) == nil {
		t.Error("nothing can be put any more")
	}
}

// Entries whose TTL is over go, those that were put again stay.
func TestSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestCache(t)
		for i := range 1_000 {
			c.Put(entry(slug(i), tenancy.Revision(i%2))) // half of them negative
		}
		time.Sleep(time.Hour - time.Minute)
		c.Put(entry(slug(1), 2))
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		st := c.Stats()
		if st.Tenants.Entries != 1 || st.Tenants.Expired != 499 || st.Negatives.Entries != 0 || st.Negatives.Expired != 500 {
			t.Errorf("%+v, want one entry, 999 expired", st)
		}
		if c.Get(slug(1)) == nil {
			t.Error("what was put again is gone")
		}
	})
}

// Entries that grow in place push others out, too.
func TestMaxBytes(t *testing.T) {
	const limit = 1 << 20
	c := newTestCache(t, WithMaxBytes(limit))
	for _, kib := range []int{0, 1, 8, 64, 256} {
		for i := range 500 {
			e := entry(slug(i), 1)
			e.Versioned.Tenant.Name = strings.Repeat("x", kib<<10)
			c.Put(e)
			if st := c.Stats().Tenants; st.Used > limit || st.Capacity != limit {
				t.Fatalf("%+v after entries of %d KiB, want at most %d bytes", st, kib, limit)
			}
		}
		t.Logf("%d KiB: %+v", kib, c.Stats().Tenants)
	}
	if c.Stats().Tenants.Entries == 0 {
		t.Error("it holds nothing")
	}
	whole := entry(slug(0), 1)
	whole.Versioned.Tenant.Name = strings.Repeat("x", limit)
	c.Put(whole)
	if c.Get(whole.Key) != nil {
		t.Error("an entry larger than the cache was kept")
	}
}

// The estimate of WithMaxBytes is near the memory that entries take.
func TestSizeEstimate(t *testing.T) {
	const entries, text = 100_000, 200
	c := newTestCache(t, WithMaxEntries(entries))
	before := heap()
	estimate := int64(0)
	for i := range entries {
		e := entry(slug(i), 1)
		e.Versioned.Tenant.Name = strings.Repeat("x", text)
		// As a store returns them: the texts of key and tenant are separate.
		e.Versioned.Tenant.ID = strings.Clone(e.Key.Value)
		e.Versioned.Tenant.Identifier = strings.Clone(e.Key.Value)
		c.Put(e)
		estimate += size(e)
	}
	held := heap() - before
	ratio := float64(estimate) / float64(held)
	t.Logf("%d bytes per entry, estimated %d", held/entries, estimate/entries)
	if ratio < 0.8 || ratio > 1.25 {
		t.Errorf("estimated %d bytes, really %d: ratio %.2f", estimate, held, ratio)
	}
	runtime.KeepAlive(c)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what waited for a cleanup goes, too
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Close with calls of every kind under way: none panics, and those that come
// later find it closed.
func TestCloseWithCallsUnderWay(t *testing.T) {
	for range 20 {
		c, err := NewCache(WithMaxEntries(100), WithMaxNegatives(10))
		if err != nil {
			t.Fatal(err)
		}
		c.Put(entry(slug(0), 1))
		var wg, started sync.WaitGroup
		var closed atomic.Bool
		for g := range 4 {
			started.Add(1)
			wg.Go(func() {
				for i := 0; !closed.Load() || i <= 100; i++ {
					if e := c.Get(slug(i % 200)); e != nil && e.Key != slug(i%200) {
						t.Errorf("Get: an entry of %v", e.Key)
					}
					if g == 0 {
						c.Put(entry(slug(i%200), tenancy.Revision(i%3)))
					}
					if i == 100 {
						started.Done()
					}
				}
			})
		}
		wg.Go(func() { c.InvalidateAll() })
		started.Wait()
		var closers sync.WaitGroup
		for range 2 {
			closers.Go(c.Close)
		}
		closers.Wait()
		closed.Store(true)
		wg.Wait()
		c.Put(entry(slug(0), 1))
		if e, n := c.Get(slug(0)), c.InvalidateAll(); e != nil || n != 0 {
			t.Errorf("after Close: Get = %v, InvalidateAll = %d", e, n)
		}
		if st := c.Stats(); st.Tenants.Entries != 0 || st.Negatives.Entries != 0 {
			t.Errorf("%+v after Close", st)
		}
	}
}

// A hit that is interrupted in the middle keeps Close waiting.
func TestCloseWaitsForLookups(t *testing.T) {
	c, err := NewCache()
	if err != nil {
		t.Fatal(err)
	}
	l := c.open.Load() // as Get does
	closed := make(chan struct{})
	go func() {
		c.Close()
		close(closed)
	}()
	for c.open.Load() != nil {
		runtime.Gosched()
	}
	for range 5 { // collections, any of which would do
		runtime.GC()
		select {
		case <-closed:
			t.Fatal("Close returned while a lookup was under way")
		default:
		}
	}
	_ = l.tenants.get(0, tenancy.Key{})
	runtime.KeepAlive(l)
	<-closed
}

func TestHitsDoNotAllocate(t *testing.T) {
	c := newTestCache(t)
	c.Put(entry(slug(1), 1))
	c.Put(entry(slug(2), 0))
	for name, key := range map[string]tenancy.Key{"hit": slug(1), "negative hit": slug(2), "miss": slug(3)} {
		if n := testing.AllocsPerRun(1000, func() { c.Get(key) }); n > raceAllocs {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
