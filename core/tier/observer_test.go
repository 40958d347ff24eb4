package tier_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// watcher notes what it is told of.
type watcher struct {
	mu     sync.Mutex
	name   string
	events []string
	obeyed []tenancy.Change
	links  []any // what the contexts of refreshes held
}

type watched struct{}

func (w *watcher) Begin(ctx context.Context, work tier.Work, kind tenancy.KeyKind) context.Context {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, fmt.Sprint("+", work, kind))
	if work == tier.WorkRefresh {
		w.links = append(w.links, ctx.Value(watched{}))
	}
	return context.WithValue(ctx, watched{}, w.name)
}

func (w *watcher) End(ctx context.Context, work tier.Work, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Value(watched{}) != w.name {
		w.events = append(w.events, "the context of another")
	}
	end := fmt.Sprint("-", work)
	if err != nil {
		end += " failed"
	}
	w.events = append(w.events, end)
}

func (w *watcher) Obeyed(c tenancy.Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.obeyed = append(w.obeyed, c)
}

func (w *watcher) took() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	events := w.events
	w.events = nil
	return events
}

func TestObserversAreToldOfWorkOnly(t *testing.T) {
	db := newDatabase()
	create(t, db, "acme")
	shared := newTier(t, db, newSharedMap())
	local := newTier(t, shared, newLocalMap())
	far, near := &watcher{name: "far"}, &watcher{name: "near"}
	second := &watcher{name: "second"}
	shared.Observe(far)
	local.Observe(near)
	local.Observe(second)

	get(t, local, "acme")
	miss := []string{"+0identifier", "+2identifier", "-2", "-0"}
	if got := near.took(); !slices.Equal(got, miss) {
		t.Errorf("a miss of the local tier: %q, want %q", got, miss)
	}
	if got := second.took(); !slices.Equal(got, miss) {
		t.Errorf("a miss, of the second observer: %q, want %q", got, miss)
	}
	if got, want := far.took(), []string{"+1identifier", "-1", "+2identifier", "-2"}; !slices.Equal(got, want) {
		t.Errorf("a miss of the shared tier: %q, want %q", got, want)
	}
	get(t, local, "acme")
	if got := append(near.took(), far.took()...); len(got) != 0 {
		t.Errorf("a hit: %q", got)
	}

	globex := create(t, local, "globex")
	var applied []string
	eventually(t, "the change is applied", func() bool {
		applied = append(applied, far.took()...)
		return slices.Equal(applied, []string{"+3", "-3"})
	})
	if len(near.obeyed) != 0 {
		t.Error("a tier that follows nothing told of a change")
	}
	far.mu.Lock()
	if len(far.obeyed) != 1 || far.obeyed[0].TenantID != globex.ID {
		t.Errorf("changes obeyed: %+v", far.obeyed)
	}
	far.mu.Unlock()

	db.set(func(d *database) { d.loadErr = errors.New("down") })
	if _, err := local.GetByIdentifier(t.Context(), "absent"); err == nil {
		t.Fatal("no error")
	}
	if got, want := near.took(), []string{"+0identifier", "+2identifier", "-2 failed", "-0 failed"}; !slices.Equal(got, want) {
		t.Errorf("a miss that failed: %q, want %q", got, want)
	}
}

func TestARefreshIsObservedWithTheContextOfItsHit(t *testing.T) {
	db := newDatabase()
	create(t, db, "acme")
	s := newTier(t, db, newLocalMap(), tier.WithTTL(time.Second), tier.WithRefreshAhead(0.1))
	w := &watcher{name: "w"}
	s.Observe(w)
	get(t, s, "acme")
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), watched{}, "the hit"))
	eventually(t, "a refresh", func() bool {
		if _, err := s.GetByIdentifier(ctx, "acme"); err != nil {
			t.Fatal(err)
		}
		return s.Stats().Refreshes > 0
	})
	cancel() // the end of the hit's request does not end the refresh
	eventually(t, "the end of the refresh", func() bool { return slices.Contains(w.took(), "-4") })
	if !slices.Equal(w.links, []any{"the hit"}) {
		t.Errorf("the refresh began with %v", w.links)
	}
}

// Each lookup is one of five; what was served in an outage is known afterwards.
func TestStatsOfTrouble(t *testing.T) {
	db := newDatabase()
	create(t, db, "acme")
	cache := newSharedMap()
	shared := newTier(t, db, cache)
	local := newTier(t, shared, newLocalMap())
	get(t, local, "acme")
	get(t, local, "acme")
	if st := local.Stats(); st.ServedStale != 0 || st.Hits != 1 || time.Since(st.LastContact) > time.Minute {
		t.Errorf("before the outage: %+v", st)
	}

	for range 2 { // twice, to see that the counts of several outages add up
		before := local.Stats().ServedStale
		db.set(func(d *database) { d.logErr = errors.New("down") })
		eventually(t, "hits of an outage", func() bool { get(t, local, "acme"); return local.Stats().ServedStale >= before+2 })
		db.set(func(d *database) { d.logErr = nil })
		last := shared.Stats().LastContact
		eventually(t, "contact", func() bool { return shared.Stats().LastContact.After(last) })
		eventually(t, "an end of stale service", func() bool {
			n := local.Stats().ServedStale
			get(t, local, "acme")
			return local.Stats().ServedStale == n
		})
	}
	if st := local.Stats(); st.ServedStale >= st.Hits {
		t.Errorf("%d of %d hits were stale", st.ServedStale, st.Hits)
	}

	cache.mu.Lock()
	cache.fail = errSick
	cache.mu.Unlock()
	before := shared.Stats()
	if _, err := shared.GetByIdentifier(t.Context(), "absent"); !errors.Is(err, tenancy.ErrNotFound) {
		t.Fatal(err)
	}
	if _, err := shared.GetByIDs(t.Context(), []string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	if st := shared.Stats(); st.Unanswered != before.Unanswered+3 || st.Misses != before.Misses {
		t.Errorf("%+v, want 3 lookups unanswered more than %+v", st, before)
	}
	if _, err := local.InvalidateAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st := shared.Stats(); st.Flushed != 1 {
		t.Errorf("%d flushes, want 1", st.Flushed)
	}
}

// curious asks the tier that it observes.
type curious struct {
	watcher
	s    *tier.Store
	seen []tenancy.Position
}

func (c *curious) Obeyed(tenancy.Change) {
	p := c.s.Stats().Position
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, p)
}

func TestObserverMayAskForStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTier(t, newDatabase(), newLocalMap(), tier.WithFollowTimeout(10*time.Second))
		o := &curious{s: s}
		s.Observe(o)
		if _, err := s.GetByIdentifier(t.Context(), "acme"); !errors.Is(err, tenancy.ErrNotFound) { // the start is over
			t.Fatal(err)
		}
		done := make(chan tenancy.Tenant)
		go func() { done <- create(t, s, "acme") }()
		select {
		case acme := <-done:
			synctest.Wait()
			o.mu.Lock()
			defer o.mu.Unlock()
			if len(o.seen) != 1 || o.seen[0].Revision != acme.Revision {
				t.Errorf("it saw %v, want revision %d", o.seen, acme.Revision)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("the follower and the observer wait for each other")
		}
	})
}
