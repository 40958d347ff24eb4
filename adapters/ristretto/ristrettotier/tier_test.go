package ristrettotier

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// kept is a store in memory that outlives the tiers over it.
type kept struct{ *memstore.Store }

func (kept) Close() error { return nil }

// soak returns how much to do: short, or long if TENANTSTORE_SOAK is set.
func soak(short, long int) int {
	if os.Getenv("TENANTSTORE_SOAK") != "" {
		return long
	}
	return short
}

func newTestTier(tb testing.TB, next tenancy.Store, opts ...Option) (*tier.Store, *Cache) {
	tb.Helper()
	c, err := NewCache(opts...)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := tier.New(next, tier.Local(c))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s, c
}

func fill(tb testing.TB, s tenancy.Store, n int) []tenancy.Tenant {
	tb.Helper()
	ts := make([]tenancy.Tenant, n)
	for i := range ts {
		t, err := s.Create(context.Background(), tenancy.Tenant{Identifier: slug(i).Value, Name: "Tenant"})
		if err != nil {
			tb.Fatal(err)
		}
		ts[i] = t
	}
	return ts
}

func TestHitsThroughTheTierDoNotAllocate(t *testing.T) {
	s, _ := newTestTier(t, memstore.New())
	acme := fill(t, s, 1)[0]
	ctx := t.Context()
	for name, read := range map[string]func() error{
		"GetByID":         func() error { _, err := s.GetByID(ctx, acme.ID); return err },
		"GetByIdentifier": func() error { _, err := s.GetByIdentifier(ctx, acme.Identifier); return err },
	} {
		before := s.Stats()
		if n := testing.AllocsPerRun(1000, func() { _ = read() }); n > raceAllocs {
			t.Errorf("%s: %v allocations", name, n)
		}
		if st := s.Stats(); st.Loads != before.Loads+1 || st.Local.Hits != before.Local.Hits+1000 {
			t.Errorf("%s: 1001 reads were %d loads and %d hits", name, st.Loads-before.Loads, st.Local.Hits-before.Local.Hits)
		}
	}
}

// After a write, the first read loads the tenant and the next ones find it, in a
// full cache too.
func TestReadsAfterAWriteHit(t *testing.T) {
	const tenants = 100
	s, _ := newTestTier(t, memstore.New(), WithMaxEntries(2*tenants))
	ts := fill(t, s, tenants)
	ctx := t.Context()
	for i := range 1_000 {
		acme := ts[i%tenants]
		if _, err := s.SetStatus(ctx, acme.ID, tenancy.Statuses()[i%2]); err != nil {
			t.Fatal(err)
		}
		before := s.Stats()
		for range 3 {
			if _, err := s.GetByID(ctx, acme.ID); err != nil {
				t.Fatal(err)
			}
			if _, err := s.GetByIdentifier(ctx, acme.Identifier); err != nil {
				t.Fatal(err)
			}
		}
		if st := s.Stats(); st.Local.Hits != before.Local.Hits+4 || st.Loads != before.Loads+2 {
			t.Fatalf("write %d: 6 reads were %d hits and %d loads, want 4 and 2", i, st.Local.Hits-before.Local.Hits, st.Loads-before.Loads)
		}
	}
}

// Two nodes with tiny caches, writers and readers on both: on each node, no read
// returns an older revision of a tenant than one that was read or written there
// before it began.
func TestReadsDoNotGoBack(t *testing.T) {
	const tenants, writers, readers = 16, 2, 3
	writes := soak(400, 20_000)
	db := memstore.New()
	ts := fill(t, db, tenants)
	var reading, writing sync.WaitGroup
	var done atomic.Bool
	var reads, absent atomic.Int64
	var nodes []*tier.Store
	for range 2 {
		s, _ := newTestTier(t, kept{db}, WithMaxEntries(20), WithMaxNegatives(4))
		nodes = append(nodes, s)
	}
	// On a busy machine, the writers wait until the readers have met everything.
	met := func() bool {
		return absent.Load() > 0 && !slices.ContainsFunc(nodes, func(s *tier.Store) bool {
			st := s.Stats()
			return st.Local.Hits == 0 || st.Local.Stale == 0 || st.Local.Misses == 0
		})
	}
	for _, s := range nodes {
		var seen [tenants]atomic.Int64
		saw := func(i int, r tenancy.Revision) {
			for old := seen[i].Load(); old < int64(r) && !seen[i].CompareAndSwap(old, int64(r)); old = seen[i].Load() {
			}
		}
		for w := range writers {
			writing.Go(func() {
				r := rand.New(rand.NewPCG(1, uint64(w)))
				for n := 0; n < writes || !met(); n++ {
					if t.Failed() {
						return
					}
					i := r.IntN(tenants)
					var err error
					written := ts[i]
					if n%4 == 0 { // a rename, to a name that others may read, too
						written.Identifier, written.Revision = fmt.Sprintf("renamed-%d", i), tenancy.AnyRevision
						if n%8 == 0 {
							written.Identifier = ts[i].Identifier
						}
						written, err = s.Update(t.Context(), written)
					} else {
						written, err = s.SetStatus(t.Context(), ts[i].ID, tenancy.Statuses()[n%2])
					}
					if err != nil {
						t.Error(err)
						return
					}
					saw(i, written.Revision)
				}
			})
		}
		for g := range readers {
			reading.Go(func() {
				r := rand.New(rand.NewPCG(2, uint64(g)))
				for !done.Load() {
					i := r.IntN(tenants)
					least := seen[i].Load()
					key := tenancy.IDKey(ts[i].ID)
					var got tenancy.Tenant
					var err error
					switch r.IntN(3) {
					case 0:
						got, err = s.GetByID(t.Context(), key.Value)
					case 1:
						key = tenancy.IdentifierKey(ts[i].Identifier)
						got, err = s.GetByIdentifier(t.Context(), key.Value)
					case 2:
						key = tenancy.IdentifierKey(fmt.Sprintf("renamed-%d", i))
						got, err = s.GetByIdentifier(t.Context(), key.Value)
					}
					reads.Add(1)
					switch {
					case key.Kind == tenancy.KindIdentifier && errors.Is(err, tenancy.ErrNotFound):
						absent.Add(1)
					case err != nil:
						t.Errorf("%v: %v", key, err)
						return
					case !key.Matches(got) || got.ID != ts[i].ID:
						t.Errorf("%v: got the tenant %s, %s", key, got.ID, got.Identifier)
						return
					case int64(got.Revision) < least:
						t.Errorf("%v: revision %d after %d had been seen", key, got.Revision, least)
						return
					default:
						saw(i, got.Revision)
					}
				}
			})
		}
	}
	writing.Wait()
	done.Store(true)
	reading.Wait()
	t.Logf("%d reads, %d of them not found", reads.Load(), absent.Load())
	for _, s := range nodes {
		t.Logf("%+v", s.Stats())
	}
}

// A scan of random identifiers that do not exist costs the real tenants nothing,
// even in a cache that they fill to the last entry, and takes bounded memory.
func TestSlugScan(t *testing.T) {
	const tenants, scanners = 10_000, 4
	slugs := soak(20_000, 1_000_000)
	db := memstore.New()
	ts := fill(t, db, tenants)
	s, c := newTestTier(t, db, WithMaxEntries(tenants))
	for _, tenant := range ts {
		if _, err := s.GetByIdentifier(t.Context(), tenant.Identifier); err != nil {
			t.Fatal(err)
		}
	}
	before, heapBefore := s.Stats(), heap()

	var done atomic.Bool
	var scan, traffic sync.WaitGroup
	var reads atomic.Int64
	for g := range scanners {
		scan.Go(func() {
			r := rand.New(rand.NewPCG(3, uint64(g)))
			for range slugs / scanners {
				if _, err := s.GetByIdentifier(t.Context(), fmt.Sprintf("x%015x", r.Uint64()>>4)); !errors.Is(err, tenancy.ErrNotFound) {
					t.Errorf("a random identifier: %v", err)
					return
				}
			}
		})
	}
	traffic.Go(func() {
		for i := 0; i < tenants || !done.Load(); i++ {
			if _, err := s.GetByIdentifier(t.Context(), ts[i*7919%tenants].Identifier); err != nil {
				t.Error(err)
				return
			}
			reads.Add(1)
		}
	})
	scan.Wait()
	done.Store(true)
	traffic.Wait()

	st, spaces, grown := s.Stats(), c.Stats(), heap()-heapBefore
	ratio := float64(st.Local.Hits-before.Local.Hits) / float64(reads.Load())
	t.Logf("%d slugs, %d reads of tenants, hit ratio %.4f, heap %+d KiB, %+v", slugs, reads.Load(), ratio, grown>>10, spaces)
	if ratio < 0.99 {
		t.Errorf("hit ratio of real tenants: %.4f", ratio)
	}
	if n := spaces.Negatives.Entries; n > DefaultMaxNegatives || n < DefaultMaxNegatives/2 {
		t.Errorf("%d negative entries are kept, want at most %d and not few", n, DefaultMaxNegatives)
	}
	if grown > 16<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
}
