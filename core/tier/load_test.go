package tier_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// Rule 9: one load, however many wait; one who leaves does not disturb the rest.
func TestConcurrentReadersShareALoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		create(t, db, "acme")
		s := newTier(t, db, newLocalMap())
		goOn := make(chan struct{})
		db.set(func(d *database) {
			d.onLoad = func(after bool) {
				if !after {
					<-goOn
				}
			}
		})
		leaving, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 100 {
			ctx := t.Context()
			if i%10 == 1 {
				ctx = leaving
			}
			wg.Go(func() {
				_, err := s.GetByIdentifier(ctx, "acme")
				if ctx == leaving && !errors.Is(err, context.Canceled) || ctx != leaving && err != nil {
					t.Errorf("reader %d: %v", i, err)
				}
			})
			if i == 0 {
				synctest.Wait() // the first, which loads, stays
			}
		}
		synctest.Wait()
		leave()
		synctest.Wait() // those who left have returned, though the load is still under way
		close(goOn)
		wg.Wait()
		if n := db.Loads(); n != 1 {
			t.Errorf("%d loads, want 1", n)
		}
		if st := s.Stats(); st.Coalesced != 99 {
			t.Errorf("Coalesced = %d, want 99", st.Coalesced)
		}
	})
}

// Each lookup of a shared cache is counted, those that wait for another's answer too.
func TestJoinedLookupsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		create(t, db, "acme")
		cache := &gated{sharedMap: newSharedMap()}
		s := newTier(t, db, cache)
		ask := func(identifier string) (before, after tier.Stats) {
			before = s.Stats()
			cache.gate = make(chan struct{})
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() { _, _ = s.GetByIdentifier(t.Context(), identifier) })
			}
			synctest.Wait()
			close(cache.gate)
			wg.Wait()
			return before, s.Stats()
		}
		if before, after := ask("acme"); after.Shared.Misses-before.Shared.Misses != 100 || after.Shared.Hits != before.Shared.Hits {
			t.Errorf("a miss: %+v, before %+v", after, before)
		}
		if before, after := ask("acme"); after.Shared.Hits-before.Shared.Hits != 100 || after.Shared.Misses != before.Shared.Misses {
			t.Errorf("a hit: %+v, before %+v", after, before)
		}
		ask("absent")
		if before, after := ask("absent"); after.Shared.Negatives-before.Shared.Negatives != 100 || after.Shared.Misses != before.Shared.Misses {
			t.Errorf("a negative: %+v, before %+v", after, before)
		}
	})
}

// gated is a shared cache that answers when its gate is closed.
type gated struct {
	*sharedMap
	gate chan struct{}
}

func (c *gated) Get(ctx context.Context, keys []tenancy.Key) ([]tier.Result, error) {
	<-c.gate
	return c.sharedMap.Get(ctx, keys)
}

// One who found nothing just before another's load was over finds what that has put
// there.
func TestLateReaderDoesNotLoadAgain(t *testing.T) {
	db := newDatabase()
	create(t, db, "acme")
	cache := &overtaken{localMap: newLocalMap()}
	s := newTier(t, db, cache)
	cache.meanwhile = func() { get(t, s, "acme") }
	get(t, s, "acme")
	if n := db.Loads(); n != 1 {
		t.Errorf("%d loads, want 1", n)
	}
}

// overtaken is a cache that does something between looking and answering, once.
type overtaken struct {
	*localMap
	meanwhile func()
}

func (c *overtaken) Get(key tenancy.Key) *tier.Entry {
	e := c.localMap.Get(key)
	if do := c.meanwhile; do != nil {
		c.meanwhile = nil
		do()
	}
	return e
}

func TestLoadEndsWhenNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &slowDatabase{newDatabase()}
		create(t, db, "acme")
		s := newTier(t, db, newLocalMap())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := s.GetByIdentifier(ctx, "acme"); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("%v after %v, want the context's end after 1 s", err, time.Since(start))
		}
		synctest.Wait()
		if st := s.Stats(); st.InFlight != 0 {
			t.Errorf("%d loads still under way", st.InFlight)
		}
	})
}

func TestLoadTimeout(t *testing.T) {
	for name, read := range map[string]func(*tier.Store) error{
		"one":   func(s *tier.Store) error { return second(s.GetByIdentifier(context.Background(), "acme")) },
		"batch": func(s *tier.Store) error { return second(s.GetByIDs(context.Background(), []string{"a", "b"})) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newTier(t, &slowDatabase{newDatabase()}, newLocalMap(), tier.WithLoadTimeout(3*time.Second))
				start := time.Now()
				err := read(s)
				if !errors.Is(err, tenancy.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
					t.Errorf("%v after %v, want ErrUnavailable after 3 s: the caller's context has not ended", err, time.Since(start))
				}
			})
		})
	}
}

// slowDatabase loads nothing until its context ends.
type slowDatabase struct{ *database }

func (d *slowDatabase) Load(ctx context.Context, _ []tenancy.Lookup) ([]tenancy.Versioned, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// A read of the log that hangs ends, whoever reads: all others wait for it.
func TestHungLogIsNotReadForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		create(t, db, "acme")
		slow := &slowLog{quiet: &quiet{db}, hold: make(chan struct{})}
		s := newTier(t, slow, newLocalMap(), tier.WithLoadTimeout(time.Hour))
		get(t, s, "acme")
		synctest.Wait()               // nobody reads the log any more
		bolt := create(t, db, "bolt") // the log has to be read before it is served
		slow.slow.Store(true)
		ctx, cancel := context.WithCancel(t.Context())
		var reader sync.WaitGroup
		reader.Go(func() { // it has no deadline
			if _, err := s.GetByIDs(ctx, []string{bolt.ID, "nobody"}); !errors.Is(err, tenancy.ErrUnavailable) {
				t.Errorf("%v, want ErrUnavailable", err)
			}
		})
		synctest.Wait()
		slow.slow.Store(false) // what is sent from now on is answered
		time.Sleep(11 * time.Second)
		limited, end := context.WithTimeout(t.Context(), time.Second)
		defer end()
		if _, err := s.GetByIdentifier(limited, "bolt"); err != nil {
			t.Error(err)
		}
		cancel()
		reader.Wait()
	})
}

func TestPanicInALoadIsAnError(t *testing.T) {
	db := newDatabase()
	create(t, db, "acme")
	s := newTier(t, db, newLocalMap())
	db.set(func(d *database) { d.onLoad = func(bool) { panic("boom") } })
	if _, err := s.GetByIdentifier(context.Background(), "acme"); !errors.Is(err, tenancy.ErrUnavailable) || !strings.Contains(err.Error(), "boom") {
		t.Errorf("%v, want ErrUnavailable that tells of the panic", err)
	}
	db.set(func(d *database) { d.onLoad = nil })
	get(t, s, "acme")
}

// Rule 12: loads are bounded; a malformed identifier goes nowhere.
func TestLoadsAreBounded(t *testing.T) {
	for name, read := range map[string]func(s *tier.Store, i int) error{
		"one": func(s *tier.Store, i int) error {
			if err := second(s.GetByIdentifier(context.Background(), fmt.Sprintf("nobody-%d", i))); !errors.Is(err, tenancy.ErrNotFound) {
				return fmt.Errorf("%w, want ErrNotFound", err)
			}
			return nil
		},
		"batch": func(s *tier.Store, i int) error {
			return second(s.GetByIDs(context.Background(), []string{fmt.Sprint("a-", i), fmt.Sprint("b-", i)}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const bound = 5
				db := newDatabase()
				s := newTier(t, db, newLocalMap(), tier.WithMaxLoads(bound))
				goOn := make(chan struct{})
				db.set(func(d *database) { d.onLoad = func(bool) { <-goOn } })
				var wg sync.WaitGroup
				for i := range 50 {
					wg.Go(func() {
						if err := read(s, i); err != nil {
							t.Error(err)
						}
					})
				}
				synctest.Wait()
				if n := s.Stats().InFlight; n != bound || db.Loads() != bound {
					t.Errorf("%d and %d loads at once, want %d", n, db.Loads(), bound)
				}
				close(goOn)
				wg.Wait()
			})
		})
	}
}

func TestMalformedIdentifiersGoNowhere(t *testing.T) {
	db := newDatabase()
	shared := newSharedMap()
	s := newStack(t, db, newLocalMap(), shared)
	for _, id := range []string{"", "a", "A-b", "x\n", strings.Repeat("a", 64), "\x00", "a b c"} {
		_, err := s.GetByIdentifier(t.Context(), id)
		var e *tenancy.Error
		if !errors.Is(err, tenancy.ErrInvalid) || !errors.As(err, &e) || e.Field != "identifier" {
			t.Errorf("%q: %v, want ErrInvalid of identifier", id, err)
		}
	}
	if shared.size() != 0 || db.Loads() != 0 {
		t.Errorf("%d keys in the shared cache, %d loads", shared.size(), db.Loads())
	}
}

// Rule 6: across processes, one holds the lease and the others wait for it.
func TestLeaseCoalescesAcrossNodes(t *testing.T) { synctest.Test(t, leaseCoalescesAcrossNodes) }

func leaseCoalescesAcrossNodes(t *testing.T) {
	db := newDatabase()
	create(t, db, "acme")
	shared := newSharedMap()
	goOn := make(chan struct{})
	var readers sync.WaitGroup
	db.set(func(d *database) {
		d.onLoad = func(after bool) {
			if !after {
				<-goOn
			}
		}
	})
	nodes := make([]*tier.Store, 3)
	for i := range nodes {
		nodes[i] = newStack(t, db, newLocalMap(), shared, tier.WithLeaseWait(10*time.Second))
		for range 50 {
			readers.Go(func() { get(t, nodes[i], "acme") })
		}
	}
	eventually(t, "one node loads", func() bool { return db.Loads() == 1 })
	close(goOn)
	readers.Wait()
	if n := db.Loads(); n != 1 {
		t.Errorf("%d loads for 150 readers on 3 nodes, want 1", n)
	}
}

func TestLeaseHolderIsNotAwaitedForLong(t *testing.T) {
	db := newDatabase()
	create(t, db, "acme")
	shared := newSharedMap()
	key := tenancy.IdentifierKey("acme")
	shared.set(key, slot{lease: 42}) // its holder has died
	s := newTier(t, db, shared, tier.WithLeaseWait(20*time.Millisecond))
	get(t, s, "acme")
	if shared.entry(key) != nil {
		t.Error("filled over somebody else's lease")
	}
}

// Rule 6: a failed load releases its lease.
func TestFailedLoadReleasesTheLease(t *testing.T) {
	db := newDatabase()
	shared := newSharedMap()
	s := newTier(t, db, shared)
	create(t, s, "acme")
	db.set(func(d *database) { d.loadErr = errDown })
	if _, err := s.GetByIdentifier(t.Context(), "acme"); !errors.Is(err, tenancy.ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
	if _, err := s.GetByIDs(t.Context(), []string{"a", "b"}); !errors.Is(err, tenancy.ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
	if shared.size() != 0 {
		t.Errorf("%d leases are left", shared.size())
	}
}

// Rule 11: trouble with the shared cache fails neither reads nor writes.
func TestCacheTroubleFailsNothing(t *testing.T) {
	db := newDatabase()
	shared := newSharedMap()
	s := newStack(t, db, newLocalMap(), shared)
	acme := create(t, s, "acme")
	shared.mu.Lock()
	shared.fail = errDown
	shared.mu.Unlock()
	get(t, s, "acme")
	suspend(t, s, acme.ID)
	if got := get(t, s, "acme"); got.Status != tenancy.StatusSuspended {
		t.Error("stale")
	}
	if ts, err := s.GetByIDs(t.Context(), []string{acme.ID, "nobody"}); err != nil || len(ts) != 1 {
		t.Errorf("GetByIDs: %v, %v", ts, err)
	}
}

func TestBatchLoadsMissesInOneCall(t *testing.T) {
	for name, cache := range map[string]any{"local": newLocalMap(), "shared": newSharedMap()} {
		t.Run(name, func(t *testing.T) {
			db := newDatabase()
			ids := []string{"nobody"}
			for i := range 20 { // before the tier starts: it passes changes on to a shared cache later, and takes leases away
				ids = append(ids, create(t, db, fmt.Sprintf("t-%d", i)).ID)
			}
			s := newTier(t, db, cache)
			if _, err := s.GetByID(t.Context(), ids[3]); err != nil {
				t.Fatal(err)
			}
			before := db.Loads()
			ts, err := s.GetByIDs(t.Context(), append(ids, ids...))
			if err != nil || len(ts) != 20 || ts[0].ID != ids[1] || ts[19].ID != ids[20] {
				t.Fatalf("%d tenants, %v", len(ts), err)
			}
			if n := db.Loads() - before; n != 1 {
				t.Errorf("%d loads, want 1", n)
			}
			if _, err := s.GetByIDs(t.Context(), ids); err != nil || db.Loads()-before != 1 {
				t.Errorf("%d loads after a second batch (%v), want 1", db.Loads()-before, err)
			}
		})
	}
}

// Rule 13: entries end, and those that are used are loaded again before that.
func TestTTLAndRefreshAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		create(t, db, "acme")
		s := newTier(t, db, newLocalMap(), tier.WithTTL(100*time.Second), tier.WithRefreshAhead(0.5))
		get(t, s, "acme")
		time.Sleep(40 * time.Second)
		get(t, s, "acme")
		if db.Loads() != 1 {
			t.Fatalf("%d loads after 40 s, want 1", db.Loads())
		}
		time.Sleep(20 * time.Second) // past half of the TTL, before its end
		get(t, s, "acme")
		synctest.Wait()
		if st := s.Stats(); st.Local.Refreshes != 1 || db.Loads() != 2 || st.Local.Misses != 1 {
			t.Errorf("after 60 s: %+v, %d loads; want a refresh in the background", st, db.Loads())
		}
		time.Sleep(200 * time.Second) // unused: it ends
		get(t, s, "acme")
		if st := s.Stats(); db.Loads() != 3 || st.Local.Stale != 1 {
			t.Errorf("after the TTL: %+v, %d loads", st, db.Loads())
		}
	})
}

func TestWarm(t *testing.T) {
	db := newDatabase()
	for i := range 30 {
		create(t, db, fmt.Sprintf("t-%d", i))
	}
	s := newTier(t, db, newLocalMap())
	if n, err := s.Warm(t.Context(), tenancy.Filter{}, 25); err != nil || n != 25 {
		t.Fatalf("Warm = %d, %v", n, err)
	}
	before := db.Loads()
	get(t, s, "t-29") // the newest
	get(t, s, "t-5")
	if db.Loads() != before {
		t.Error("a warmed tenant was loaded again")
	}
	if get(t, s, "t-4"); db.Loads() == before {
		t.Error("the limit was not kept")
	}
}

// Rule 15: nothing that was cached before InvalidateAll is served after it.
func TestInvalidateAll(t *testing.T) {
	db := newDatabase()
	s := newTier(t, db, newLocalMap())
	create(t, s, "acme")
	get(t, s, "acme")
	if n, err := s.InvalidateAll(t.Context()); n != 1 || err != nil {
		t.Errorf("InvalidateAll = %d, %v", n, err)
	}
	before := db.Loads()
	if get(t, s, "acme"); db.Loads() != before+1 {
		t.Error("served from the cache after InvalidateAll")
	}
}

// An entry that is older than the caller of Load asks for is found, and not served.
func TestLoadCountsWhatItServes(t *testing.T) {
	db := newDatabase()
	acme := create(t, db, "acme")
	s := newTier(t, db, newLocalMap())
	get(t, s, "acme")
	newer := create(t, s, "globex")
	before := s.Stats()
	key := tenancy.IdentifierKey("acme")
	for _, c := range []struct {
		least               tenancy.Revision
		hits, stale, misses int64
	}{{acme.Revision, 1, 0, 0}, {newer.Revision, 0, 1, 0}, {newer.Revision, 1, 0, 0}, {tenancy.Latest, 0, 0, 0}} {
		snapshots, err := s.Load(t.Context(), []tenancy.Lookup{{Key: key, Min: c.least}})
		if err != nil || !snapshots[0].Found {
			t.Fatal(snapshots, err)
		}
		now := s.Stats()
		if now.Local.Hits-before.Local.Hits != c.hits || now.Local.Stale-before.Local.Stale != c.stale || now.Local.Misses-before.Local.Misses != c.misses {
			t.Errorf("at least %d: %+v, before %+v", c.least, now, before)
		}
		before = now
	}
}

// Rule 15: when the shared cache was emptied, the local one does not serve what was read from it
// meanwhile.
func TestInvalidateAllOfASharedCache(t *testing.T) {
	db := newDatabase()
	create(t, db, "acme")
	shared := &slowToClear{sharedMap: newSharedMap()}
	s := newStack(t, db, newLocalMap(), shared)
	get(t, s, "acme")
	eventually(t, "the shared cache is filled", func() bool { return shared.entry(tenancy.IdentifierKey("acme")) != nil })
	loads := db.Loads()
	shared.before = func() {
		if get(t, s, "acme"); db.Loads() != loads {
			t.Error("loaded from the database: the test proves nothing")
		}
	}
	if n, err := s.InvalidateAll(t.Context()); n != 2 || err != nil {
		t.Errorf("InvalidateAll = %d, %v", n, err)
	}
	if get(t, s, "acme"); db.Loads() != loads+1 {
		t.Error("served from a cache after InvalidateAll")
	}
	if st := s.Stats(); st.Flushed != 1 {
		t.Errorf("Flushed = %d, want 1", st.Flushed)
	}
}

// slowToClear is a shared cache that is read before InvalidateAll has removed
// anything.
type slowToClear struct {
	*sharedMap
	before func()
}

func (c *slowToClear) InvalidateAll(ctx context.Context) (int64, error) {
	c.before()
	return c.sharedMap.InvalidateAll(ctx)
}

// slowToFill is a shared cache that takes its time for a Put.
type slowToFill struct {
	*sharedMap
	goOn chan struct{}
}

func (c *slowToFill) Put(ctx context.Context, fills []tier.Fill) (int, error) {
	<-c.goOn
	return c.sharedMap.Put(ctx, fills)
}

// Rule 11: nobody waits until the shared cache is filled, and who comes meanwhile is not
// kept waiting by the lease.
func TestAnswerBeforeTheFill(t *testing.T) {
	for name, caches := range map[string]func(t *testing.T, db tenancy.Store, shared tier.SharedCache) *tier.Store{
		"shared": func(t *testing.T, db tenancy.Store, shared tier.SharedCache) *tier.Store {
			return newTier(t, db, shared, tier.WithLeaseWait(time.Hour))
		},
		"local over shared": func(t *testing.T, db tenancy.Store, shared tier.SharedCache) *tier.Store {
			return newStack(t, db, newLocalMap(), shared, tier.WithLeaseWait(time.Hour))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := newDatabase()
				acme := create(t, db, "acme")
				shared := &slowToFill{newSharedMap(), make(chan struct{})}
				s := caches(t, db, shared)
				begun := time.Now()
				for range 3 {
					if got := get(t, s, "acme"); got != acme || time.Since(begun) > 0 {
						t.Errorf("%+v after %v", got, time.Since(begun))
					}
				}
				if st := s.Stats(); st.Loads != 1 || st.Local.Hits+st.Shared.Hits != 2 || st.Shared.Misses != 1 || st.Shared.Fills != 0 {
					t.Errorf("%+v, want one load and two hits", st)
				}
				close(shared.goOn)
				synctest.Wait()
				if shared.entry(tenancy.IdentifierKey("acme")) == nil {
					t.Error("the shared cache was not filled")
				}
			})
		})
	}
}
