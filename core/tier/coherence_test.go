package tier_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

var errDown = errors.New("down")

// Rule 2: a floor outranks whatever the cache holds.
func TestFloorOutranksTheCache(t *testing.T) {
	db := newDatabase()
	cache := newLocalMap()
	s := newTier(t, db, cache)
	acme := create(t, s, "acme")
	get(t, s, "acme")
	cache.frozen = true // the old entry stays for ever
	suspend(t, s, acme.ID)
	for range 3 {
		if got := get(t, s, "acme"); got.Status != tenancy.StatusSuspended {
			t.Fatal("the cache's old entry was served")
		}
	}
	if st := s.Stats(); st.Local.Stale != 3 {
		t.Errorf("Stale = %d, want 3", st.Local.Stale)
	}
}

// Rules 2 and 9: a load that was begun before a write is not for a reader who
// comes after it, and what it brings is not served later.
func TestLoadBegunBeforeAWriteIsNotForLaterReaders(t *testing.T) {
	db := newDatabase()
	s := newTier(t, db, newLocalMap())
	acme := create(t, s, "acme")

	loaded, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	db.set(func(d *database) {
		d.onLoad = func(after bool) {
			if after {
				once.Do(func() { close(loaded); <-goOn }) // the first load has its value, and is late
			}
		}
	})
	early := make(chan tenancy.Tenant)
	go func() {
		got, err := s.GetByIdentifier(t.Context(), "acme")
		if err != nil {
			t.Error(err)
		}
		early <- got
	}()
	<-loaded
	suspend(t, s, acme.ID)
	late := make(chan tenancy.Tenant)
	go func() {
		got, err := s.GetByIdentifier(t.Context(), "acme") // joins the load, which is too old for it
		if err != nil {
			t.Error(err)
		}
		late <- got
	}()
	eventually(t, "the late reader waits for the load", func() bool { return s.Stats().Coalesced == 1 })
	close(goOn)
	<-early // may be either value: it began before the write
	if got := <-late; got.Status != tenancy.StatusSuspended {
		t.Error("a reader who came after the write was given what was loaded before it")
	}
	if got := get(t, s, "acme"); got.Status != tenancy.StatusSuspended {
		t.Error("what was loaded before the write was served after it")
	}
}

// Rule 3: a value newer than what was followed is not served before the log was
// followed to it, because a later read could then go back.
func TestNewerValueWaitsForTheLog(t *testing.T) {
	db := newDatabase()
	acme := create(t, db, "acme")
	s := newTier(t, &quiet{db}, newLocalMap())
	get(t, s, "acme") // by identifier only
	db.set(func(d *database) { d.logErr = errDown })
	if _, err := db.Store.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended); err != nil {
		t.Fatal(err)
	}
	_, err := s.GetByID(t.Context(), acme.ID) // a miss: Load answers, the log does not
	if !errors.Is(err, tenancy.ErrUnavailable) {
		t.Errorf("a value beyond what can be followed: %v, want ErrUnavailable", err)
	}
	db.set(func(d *database) { d.logErr = nil })
	if got, err := s.GetByID(t.Context(), acme.ID); err != nil || got.Status != tenancy.StatusSuspended {
		t.Fatalf("with the log back: %+v, %v", got, err)
	}
	if got := get(t, s, "acme"); got.Status != tenancy.StatusSuspended {
		t.Error("the read by identifier went back behind the read by ID")
	}
}

// Rule 4: nothing is served, or stored, before the log was read once.
func TestNothingIsServedBeforeTheStart(t *testing.T) {
	db := newDatabase()
	create(t, db, "acme")
	db.set(func(d *database) { d.logErr = errDown })
	s := newTier(t, db, newLocalMap())
	if _, err := s.GetByIdentifier(t.Context(), "acme"); !errors.Is(err, tenancy.ErrUnavailable) {
		t.Errorf("before the start: %v, want ErrUnavailable", err)
	}
	if st := s.Stats(); st.Serving || st.Local.Fills != 0 {
		t.Errorf("before the start: %+v", st)
	}
	db.set(func(d *database) { d.logErr = nil })
	get(t, s, "acme")
	if !s.Stats().Serving {
		t.Error("not serving after the start")
	}
}

// Rule 4: a new node judges what a shared cache holds by replaying the log.
func TestStartReplaysForASharedCache(t *testing.T) {
	db := newDatabase()
	acme, other := create(t, db, "acme"), create(t, db, "other")
	shared := newSharedMap()
	a := newTier(t, db, shared)
	var stale *tier.Entry
	eventually(t, "the cache is filled", func() bool { // once the creations were applied, which deletes leases
		get(t, a, "acme")
		get(t, a, "other")
		stale = shared.entry(tenancy.IdentifierKey("acme"))
		return stale != nil && shared.entry(tenancy.IdentifierKey("other")) != nil
	})
	suspend(t, a, acme.ID)
	eventually(t, "the change was applied", func() bool { return shared.entry(stale.Key) == nil })
	shared.set(stale.Key, slot{entry: stale}) // a failover lost what was applied

	b := newTier(t, db, shared)
	if got := get(t, b, "acme"); got.Status != tenancy.StatusSuspended {
		t.Error("a new node served the outdated entry")
	}
	loads := db.Loads()
	if got := get(t, b, "other"); got != other || db.Loads() != loads {
		t.Error("a new node did not use the entry that is current")
	}
	eventually(t, "the outdated entry is repaired, after the answer", func() bool {
		e := shared.entry(stale.Key)
		return e != nil && e.Versioned.Tenant.Status == tenancy.StatusSuspended
	})
}

// Rule 3: an entry of a lost history has another mark, is refused and removed.
func TestEntryOfALostHistoryIsRefused(t *testing.T) {
	mem := memstore.New()
	db := &database{Store: mem}
	shared := newSharedMap()
	a := newTier(t, db, shared)
	acme := create(t, a, "acme")
	backup := mem.Backup()
	suspend(t, a, acme.ID)
	var lost *tier.Entry
	eventually(t, "the cache is filled", func() bool { // once the suspension was applied, which deletes leases
		get(t, a, "acme")
		lost = shared.entry(tenancy.IdentifierKey("acme"))
		return lost != nil
	})
	mem.Restore(backup)
	create(t, db, "other") // takes the lost revision again
	create(t, db, "another")
	b := newTier(t, db, shared)
	for range 2 {
		if got := get(t, b, "acme"); got.Status != tenancy.StatusActive {
			t.Fatal("a value of the lost history was served")
		}
	}
	if st := b.Stats(); st.Shared.Denied == 0 {
		t.Errorf("%+v: want a denied entry", st)
	}
	if shared.entry(lost.Key) == lost {
		t.Error("the lost entry is still there")
	}
	eventually(t, "the node that was there during the restore starts over", func() bool {
		return get(t, a, "acme").Status == tenancy.StatusActive
	})
}

// Rule 7: after a write that the log cannot be followed for, caches are not served
// until it was.
func TestUnfollowedWriteStopsServing(t *testing.T) {
	db := newDatabase()
	s := newTier(t, &quiet{db}, newLocalMap())
	acme := create(t, s, "acme")
	get(t, s, "acme")
	db.set(func(d *database) { d.logErr = errDown })
	suspend(t, s, acme.ID) // succeeds: the database has it
	if _, err := s.GetByIdentifier(t.Context(), "acme"); !errors.Is(err, tenancy.ErrUnavailable) {
		t.Errorf("read after a write that could not be followed: %v, want ErrUnavailable", err)
	}
	if st := s.Stats(); st.Unfollowed != 1 || st.Serving {
		t.Errorf("%+v", st)
	}
	db.set(func(d *database) { d.logErr = nil })
	if got := get(t, s, "acme"); got.Status != tenancy.StatusSuspended {
		t.Error("the write is not visible once the log is back")
	}
	// A read waits for the change that it needs, and not for the end of the log.
	eventually(t, "serving again", func() bool { return s.Stats().Serving })
}

// Rule 7: a conflict makes the tier follow, so that the next read brings the
// revision that the retry needs.
func TestConflictDoesNotLoopOnAStaleCache(t *testing.T) {
	db := newDatabase()
	s := newTier(t, db, newLocalMap())
	create(t, s, "acme")
	cached := get(t, s, "acme")
	if _, err := db.SetStatus(t.Context(), cached.ID, tenancy.StatusSuspended); err != nil { // elsewhere
		t.Fatal(err)
	}
	if _, err := s.Update(t.Context(), cached); !errors.Is(err, tenancy.ErrConflict) {
		t.Fatalf("Update of an old revision: %v, want ErrConflict", err)
	}
	if _, err := s.Update(t.Context(), get(t, s, "acme")); err != nil {
		t.Errorf("Update after reading again: %v", err)
	}
}

// Rule 10: entries are served through an outage for MaxStale, and then no more.
func TestMaxStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		create(t, db, "acme")
		s := newTier(t, db, newLocalMap(), tier.WithMaxStale(time.Minute))
		get(t, s, "acme")
		db.set(func(d *database) { d.logErr, d.loadErr = errDown, errDown })
		time.Sleep(50 * time.Second)
		get(t, s, "acme")
		time.Sleep(20 * time.Second)
		if _, err := s.GetByIdentifier(t.Context(), "acme"); !errors.Is(err, tenancy.ErrUnavailable) {
			t.Errorf("after MaxStale: %v, want ErrUnavailable", err)
		}
		db.set(func(d *database) { d.logErr, d.loadErr = nil, nil })
		time.Sleep(2 * time.Second)
		get(t, s, "acme")
		if !s.Stats().Serving {
			t.Error("not serving with the log back")
		}
	})
}

func TestMaxStaleForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		create(t, db, "acme")
		s := newTier(t, db, newLocalMap(), tier.WithMaxStale(-1), tier.WithTTL(1000*time.Hour), tier.WithRefreshAhead(1))
		get(t, s, "acme")
		db.set(func(d *database) { d.logErr, d.loadErr = errDown, errDown })
		time.Sleep(20 * time.Minute)
		get(t, s, "acme")
	})
}

// Rule 8: a bus message only wakes the follower, whatever it says.
func TestBusMessageWakes(t *testing.T) {
	db := newDatabase()
	bus := &manualBus{}
	quiet := &quiet{db}
	s := newTier(t, quiet, newLocalMap(), tier.WithBus(bus))
	acme := create(t, db, "acme")
	get(t, s, "acme")
	suspended := suspend(t, db, acme.ID)
	for n := 0; get(t, s, "acme") == suspended; n++ { // the tier may have read the log late, but only once
		if n == 3 {
			t.Fatal("visible without a message: the test proves nothing")
		}
		suspended = suspend(t, db, acme.ID)
	}
	head, err := db.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	bus.send(head.Newest)
	eventually(t, "the message makes the change visible", func() bool { return get(t, s, "acme") == suspended })

	position := s.Stats().Position
	bus.send(tenancy.Position{Revision: 1 << 40, Mark: 1}) // forged
	bus.send(tenancy.Position{})
	for range 3 {
		if got := get(t, s, "acme"); got != suspended || s.Stats().Position != position {
			t.Fatal("a forged message moved something")
		}
	}
	activated, err := s.SetStatus(t.Context(), acme.ID, tenancy.StatusActive)
	if err != nil {
		t.Fatal(err)
	}
	if got := bus.last(); got.Revision != activated.Revision {
		t.Errorf("published %v, want revision %d", got, activated.Revision)
	}

	suspended = suspend(t, db, acme.ID)
	bus.send(tenancy.Position{Revision: suspended.Revision}) // from a writer that has not read the log yet
	eventually(t, "a message without a mark makes the change visible", func() bool { return get(t, s, "acme") == suspended })
}

// A bus may have a message when somebody subscribes.
func TestBusMessageAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := make(chan *tier.Store)
		go func() { made <- newTier(t, newDatabase(), newLocalMap(), tier.WithBus(&retainingBus{})) }()
		select {
		case s := <-made:
			if st := s.Stats(); st.Received != 1 {
				t.Errorf("%+v", st)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("New waits for itself")
		}
	})
}

type retainingBus struct{ manualBus }

func (b *retainingBus) Subscribe(_ context.Context, wake func(tenancy.Position)) {
	wake(tenancy.Position{Revision: 1, Mark: 1})
}

// Other nodes need not wait until the writer's own has read the log.
func TestWriteIsPublishedAtOnce(t *testing.T) {
	db := newDatabase()
	bus := &manualBus{}
	slow := &slowLog{quiet: &quiet{db}, hold: make(chan struct{})}
	s := newTier(t, slow, newLocalMap(), tier.WithBus(bus))
	acme := create(t, db, "acme")
	get(t, s, "acme")
	slow.slow.Store(true)
	written := make(chan error, 1)
	go func() {
		_, err := s.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended)
		written <- err
	}()
	eventually(t, "the change is published", func() bool { return bus.last().Revision == acme.Revision+1 })
	select {
	case err := <-written:
		t.Errorf("the write returned before its node had read the log (%v)", err)
	default:
	}
	close(slow.hold)
	if err := <-written; err != nil {
		t.Fatal(err)
	}
}

// slowLog does not answer Changes while it is slow, until hold is closed.
type slowLog struct {
	*quiet
	slow atomic.Bool
	hold chan struct{}
}

func (l *slowLog) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	if l.slow.Load() {
		select {
		case <-l.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return l.quiet.Changes(ctx, after, limit)
}

// quiet is a source that nothing wakes, and that does not poll.
type quiet struct{ *database }

func (q *quiet) Wait(ctx context.Context, _ tenancy.Position) error {
	<-ctx.Done()
	return ctx.Err()
}

type manualBus struct {
	mu        sync.Mutex
	wake      func(tenancy.Position)
	published tenancy.Position
	messages  int
}

func (b *manualBus) Publish(_ context.Context, p tenancy.Position) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.published = p
	b.messages++
	return nil
}

func (b *manualBus) Subscribe(_ context.Context, wake func(tenancy.Position)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wake = wake
}

func (b *manualBus) Close() error { return nil }

func (b *manualBus) send(p tenancy.Position) {
	b.mu.Lock()
	wake := b.wake
	b.mu.Unlock()
	wake(p)
}

func (b *manualBus) last() tenancy.Position {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.published
}
