package tier_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// confusedLocal and confusedShared are caches that take all keys of a kind for one, as
// two keys with the same hash are.
type confusedLocal struct{ *localMap }

func (c confusedLocal) Get(key tenancy.Key) *tier.Entry {
	return c.localMap.Get(tenancy.Key{Kind: key.Kind})
}

func (c confusedLocal) Put(e *tier.Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries[tenancy.Key{Kind: e.Key.Kind}] = e
}

type confusedShared struct{ *sharedMap }

func (c confusedShared) Get(ctx context.Context, keys []tenancy.Key) ([]tier.Result, error) {
	confused := make([]tenancy.Key, len(keys))
	for i, k := range keys {
		confused[i].Kind = k.Kind
	}
	return c.sharedMap.Get(ctx, confused)
}

func (c confusedShared) Put(_ context.Context, fills []tier.Fill) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range fills {
		c.slots[tenancy.Key{Kind: f.Entry.Key.Kind}] = slot{entry: f.Entry}
	}
	return 0, nil
}

// What a cache returns for another key is not served.
func TestEntryOfAnotherKeyIsNotServed(t *testing.T) {
	for name, cache := range map[string]any{"local": confusedLocal{newLocalMap()}, "shared": confusedShared{newSharedMap()}} {
		t.Run(name, func(t *testing.T) {
			db := newDatabase()
			acme, bolt := create(t, db, "acme"), create(t, db, "bolt")
			s := newTier(t, db, cache)
			for range 3 {
				for _, want := range []tenancy.Tenant{acme, bolt} {
					if got := get(t, s, want.Identifier); got != want {
						t.Errorf("got %s for %s", got.Identifier, want.Identifier)
					}
					if got, err := s.GetByID(t.Context(), want.ID); err != nil || got != want {
						t.Errorf("got %s for the ID of %s, %v", got.Identifier, want.Identifier, err)
					}
				}
				ts, err := s.GetByIDs(t.Context(), []string{bolt.ID, acme.ID})
				if err != nil || len(ts) != 2 || ts[0] != bolt || ts[1] != acme {
					t.Errorf("GetByIDs: %v, %v", ts, err)
				}
			}
		})
	}
}

// An entry whose tenant is not the one of its key is not served.
func TestEntryOfAnotherTenantIsNotServed(t *testing.T) {
	db := newDatabase()
	acme, bolt := create(t, db, "acme"), create(t, db, "bolt")
	shared := newSharedMap()
	s := newTier(t, db, shared)
	get(t, s, "acme")
	for _, key := range []tenancy.Key{tenancy.IdentifierKey("acme"), tenancy.IDKey(acme.ID)} {
		shared.set(key, slot{entry: &tier.Entry{Key: key, Versioned: tenancy.Versioned{AsOf: s.Stats().Position, Tenant: bolt, Found: true}}})
	}
	if got := get(t, s, "acme"); got != acme {
		t.Errorf("got %s", got.Identifier)
	}
	if got, err := s.GetByID(t.Context(), acme.ID); err != nil || got != acme {
		t.Errorf("got %s, %v", got.Identifier, err)
	}
}

// onPut is a local cache that does something before it stores.
type onPut struct {
	*localMap
	before func()
}

func (c *onPut) Put(e *tier.Entry) {
	c.before()
	c.localMap.Put(e)
}

// Rule 2: a flush between the end of a load and the answer is obeyed.
func TestFlushBeforeTheAnswer(t *testing.T) {
	db := newDatabase()
	cache := &onPut{localMap: newLocalMap(), before: func() {}}
	s := newTier(t, db, cache)
	acme := create(t, s, "acme")
	backup := db.Backup()
	suspend(t, s, acme.ID)
	var once sync.Once
	cache.before = func() {
		once.Do(func() {
			db.Restore(backup)
			eventually(t, "the restore is noticed", func() bool { return s.Stats().Diverged == 1 })
		})
	}
	if got, err := s.GetByID(t.Context(), acme.ID); err != nil || got != acme {
		t.Errorf("got %s of the lost history, %v", got.Status, err)
	}
}

// Rule 2: what was loaded before a flush is neither given away nor kept.
func TestLoadAcrossAFlush(t *testing.T) {
	db := newDatabase()
	ids := []string{create(t, db, "acme").ID, create(t, db, "bolt").ID}
	for name, read := range map[string]func(s *tier.Store) error{
		"one":   func(s *tier.Store) error { return second(s.GetByID(t.Context(), ids[0])) },
		"batch": func(s *tier.Store) error { return second(s.GetByIDs(t.Context(), ids)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newTier(t, db, newLocalMap())
			var once sync.Once
			db.set(func(d *database) {
				d.onLoad = func(loaded bool) {
					if loaded {
						once.Do(func() {
							if _, err := s.InvalidateAll(t.Context()); err != nil {
								t.Error(err)
							}
						})
					}
				}
			})
			before := db.Loads()
			for range 2 {
				if err := read(s); err != nil {
					t.Error(err)
				}
				if n := db.Loads() - before; n != 2 {
					t.Errorf("%d loads, want one before the flush and one after it", n)
				}
			}
		})
	}
}

// Rule 6: what fills a shared cache does not come out of a cache below it, such as one
// with a reader of the log of its own.
func TestSharedCacheIsFilledPastEveryCache(t *testing.T) {
	db := newDatabase()
	ids := []string{create(t, db, "acme").ID, create(t, db, "bolt").ID}
	for name, read := range map[string]func(s *tier.Store) error{
		"one":   func(s *tier.Store) error { return second(s.GetByID(t.Context(), ids[0])) },
		"batch": func(s *tier.Store) error { return second(s.GetByIDs(t.Context(), ids)) },
	} {
		t.Run(name, func(t *testing.T) {
			below := newTier(t, db, newLocalMap())
			if err := read(below); err != nil {
				t.Fatal(err)
			}
			s := newTier(t, &opaque{Source: below}, newSharedMap())
			before := db.Loads()
			if err := read(s); err != nil || db.Loads() != before+1 {
				t.Errorf("%d loads, %v; want 1", db.Loads()-before, err)
			}
		})
	}
}

// Rule 3: an entry of a lost history makes room, also one that no later one would
// replace.
func TestEntryBeyondTheLogIsRemoved(t *testing.T) {
	db := newDatabase()
	create(t, db, "acme")
	shared := newSharedMap()
	key := tenancy.IdentifierKey("acme")
	shared.set(key, slot{entry: &tier.Entry{Key: key, Versioned: tenancy.Versioned{AsOf: tenancy.Position{Revision: 1 << 40, Mark: 1}}}})
	s := newTier(t, db, shared)
	for fills := range int64(2) { // the first removes it, the second fills
		get(t, s, "acme")
		eventually(t, "the fill, after the answer", func() bool { return s.Stats().Shared.Fills == fills+1 })
	}
	if st := s.Stats(); st.Shared.Denied != 1 {
		t.Errorf("%+v, want one denied entry", st)
	}
	before := db.Loads()
	if get(t, s, "acme"); db.Loads() != before {
		t.Error("the key is not cached any more")
	}
}

// opaque is a decorator that does not lead to the tier below it, whose Wait returns for
// nothing, and that can fail by itself.
type opaque struct {
	tenancy.Source
	down atomic.Bool // the log and writes
}

func (o *opaque) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	if o.down.Load() {
		return nil, tenancy.ErrUnavailable
	}
	return o.Source.Changes(ctx, after, limit)
}

func (o *opaque) Wait(ctx context.Context, _ tenancy.Position) error {
	<-ctx.Done()
	return ctx.Err()
}

func (o *opaque) SetStatus(ctx context.Context, id string, status tenancy.Status) (tenancy.Tenant, error) {
	if o.down.Load() {
		return tenancy.Tenant{}, tenancy.ErrUnavailable
	}
	return o.Source.SetStatus(ctx, id, status)
}

// Rule 7: after a write that could not be followed, loads pass every cache below, one
// with a follower of its own too.
func TestUnfollowedWriteReadsPastTheTierBelow(t *testing.T) {
	for name, read := range map[string]func(s *tier.Store, id string) error{
		"one":   func(s *tier.Store, id string) error { return second(s.GetByID(t.Context(), id)) },
		"batch": func(s *tier.Store, id string) error { return second(s.GetByIDs(t.Context(), []string{id, "nobody"})) },
	} {
		t.Run(name, func(t *testing.T) {
			db := newDatabase()
			below := newTier(t, &quiet{db}, newLocalMap())
			o := &opaque{Source: below}
			s := newTier(t, o, newLocalMap())
			acme := create(t, s, "acme")
			if err := read(s, acme.ID); err != nil { // below has it, too
				t.Fatal(err)
			}
			suspend(t, db, acme.ID) // elsewhere; nothing tells of it
			o.down.Store(true)
			if _, err := s.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended); !errors.Is(err, tenancy.ErrUnavailable) {
				t.Fatal(err)
			}
			if err := read(s, acme.ID); !errors.Is(err, tenancy.ErrUnavailable) {
				t.Errorf("%v, want ErrUnavailable: what is below may be older than the write", err)
			}
		})
	}
}

// Rule 12: that there is no tenant is kept for its own time, not for that of tenants.
func TestNegativeEntriesEndSooner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		s := newTier(t, db, newLocalMap(), tier.WithNegativeTTL(10*time.Second))
		for _, c := range []struct {
			after time.Duration
			loads int
		}{{0, 1}, {8 * time.Second, 1}, {5 * time.Second, 2}} {
			time.Sleep(c.after)
			if _, err := s.GetByIdentifier(t.Context(), "nobody"); !errors.Is(err, tenancy.ErrNotFound) || db.Loads() != c.loads {
				t.Errorf("%v later: %d loads, %v; want %d", c.after, db.Loads(), err, c.loads)
			}
		}
	})
}

// Rule 9: a load whose waiters have all left is for nobody who comes later, even if the
// store below does not notice.
func TestAbandonedLoadIsNotJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &stubborn{database: newDatabase(), goOn: make(chan struct{})}
		create(t, db, "acme")
		s := newTier(t, db, newLocalMap())
		ctx, leave := context.WithCancel(t.Context())
		var first sync.WaitGroup
		first.Go(func() {
			if _, err := s.GetByIdentifier(ctx, "acme"); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
		synctest.Wait()
		leave()
		synctest.Wait()
		get(t, s, "acme")
		close(db.goOn)
		first.Wait()
	})
}

// Rule 9: if the first caller of a load leaves, the others get their answer all the same.
func TestFirstCallerLeavesTheOthers(t *testing.T) {
	for name, cache := range map[string]any{"local": newLocalMap(), "shared": newSharedMap()} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := &stubborn{database: newDatabase(), goOn: make(chan struct{})}
				acme := create(t, db, "acme")
				s := newTier(t, db, cache)
				ctx, leave := context.WithCancel(t.Context())
				impatient, give := context.WithCancel(t.Context())
				var first, others sync.WaitGroup
				first.Go(func() {
					if _, err := s.GetByIdentifier(ctx, "acme"); !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
				})
				synctest.Wait()
				for range 10 {
					others.Go(func() {
						if got := get(t, s, "acme"); got != acme {
							t.Errorf("%+v, want %+v", got, acme)
						}
					})
				}
				others.Go(func() {
					if _, err := s.GetByIdentifier(impatient, "acme"); !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
				})
				synctest.Wait()
				give()
				synctest.Wait()
				leave()
				others.Wait()
				if n := db.Loads(); n != 1 {
					t.Errorf("%d loads for the others, want 1", n)
				}
				close(db.goOn)
				first.Wait()
			})
		})
	}
}

// stubborn does not notice at its first load that nobody waits any more.
type stubborn struct {
	*database
	first atomic.Bool // is under way, or over
	goOn  chan struct{}
}

func (d *stubborn) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	if !d.first.Swap(true) {
		<-d.goOn
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return d.database.Load(ctx, want)
}

// Rule 13: an entry that is due is loaded once, however many hit it.
func TestRefreshedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		create(t, db, "acme")
		s := newTier(t, db, newLocalMap(), tier.WithTTL(100*time.Second), tier.WithRefreshAhead(0.5))
		get(t, s, "acme")
		time.Sleep(60 * time.Second)
		db.set(func(d *database) { d.loadErr = errDown })
		for range 10 {
			get(t, s, "acme")
			synctest.Wait() // it has failed, which is not tried again at every hit
		}
		if st := s.Stats(); st.Local.Refreshes != 1 {
			t.Errorf("%d refreshes for 10 hits, want 1", st.Local.Refreshes)
		}
		time.Sleep(2 * time.Second)
		get(t, s, "acme")
		synctest.Wait()
		if st := s.Stats(); st.Local.Refreshes != 2 {
			t.Errorf("%d refreshes a while later, want 2", st.Local.Refreshes)
		}
	})
}

// In an outage, refreshes that fail are bounded, however many entries are due.
func TestFailedRefreshesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		s := newTier(t, db, newLocalMap(), tier.WithTTL(100*time.Second), tier.WithRefreshAhead(0.5), tier.WithMaxLoads(5))
		var ids []string
		for i := range 50 {
			ids = append(ids, create(t, db, fmt.Sprintf("tenant-%d", i)).ID)
		}
		if _, err := s.GetByIDs(t.Context(), ids); err != nil {
			t.Fatal(err)
		}
		time.Sleep(60 * time.Second)
		db.set(func(d *database) { d.loadErr = errDown })
		for range 3 {
			for _, id := range ids {
				if _, err := s.GetByID(t.Context(), id); err != nil {
					t.Fatal(err)
				}
				synctest.Wait() // a refresh that was begun has failed
			}
		}
		if n := s.Stats().Local.Refreshes; n != 5 {
			t.Errorf("%d refreshes at once, want 5", n)
		}
		db.set(func(d *database) { d.loadErr = nil })
		for range 3 {
			time.Sleep(2 * time.Second)
			for _, id := range ids {
				if _, err := s.GetByID(t.Context(), id); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
			}
		}
		if n := s.Stats().Local.Refreshes; n != 55 {
			t.Errorf("%d refreshes in all, want those that failed and one for each entry", n)
		}
	})
}

// heldLog keeps an answer back once it is armed, until goOn is closed.
type heldLog struct {
	*quiet
	armed        atomic.Bool
	answer, goOn chan struct{}
}

func (l *heldLog) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	changes, err := l.quiet.Changes(ctx, after, limit)
	if l.armed.Swap(false) {
		close(l.answer)
		<-l.goOn
	}
	return changes, err
}

// Rule 7: a read of the log that was begun before a write that could not be followed
// says nothing of that write.
func TestReadBegunBeforeAnUnfollowedWrite(t *testing.T) {
	synctest.Test(t, readBegunBeforeAnUnfollowedWrite)
}

func readBegunBeforeAnUnfollowedWrite(t *testing.T) {
	db := newDatabase()
	acme := create(t, db, "acme")
	l := &heldLog{quiet: &quiet{db}, answer: make(chan struct{}), goOn: make(chan struct{})}
	shared, bus := newSharedMap(), &manualBus{}
	s := newTier(t, l, shared, tier.WithBus(bus), tier.WithFollowTimeout(50*time.Millisecond))
	get(t, s, "acme")
	synctest.Wait() // for the fill, after the answer
	if shared.entry(tenancy.IdentifierKey("acme")) == nil {
		t.Fatal("not in the shared cache: the test proves nothing")
	}
	l.armed.Store(true)
	bus.send(tenancy.Position{})
	<-l.answer
	suspend(t, s, acme.ID) // cannot be followed: the log is being read
	db.set(func(d *database) { d.logErr = errDown })
	close(l.goOn)
	for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if got, err := s.GetByIdentifier(t.Context(), "acme"); !errors.Is(err, tenancy.ErrUnavailable) {
			t.Fatalf("%s, %v, want ErrUnavailable", got.Status, err)
		}
	}
}
