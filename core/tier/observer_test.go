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
	s := newStack(t, db, newLocalMap(), newSharedMap())
	first, second := &watcher{name: "first"}, &watcher{name: "second"}
	s.Observe(first)
	s.Observe(second)

	get(t, s, "acme")
	miss := []string{"+0identifier", "+1identifier", "-1", "+2identifier", "-2", "-0"}
	for _, w := range []*watcher{first, second} {
		if got := w.took(); !slices.Equal(got, miss) {
			t.Errorf("a miss, of the %s observer: %q, want %q", w.name, got, miss)
		}
	}
	get(t, s, "acme")
	if got := first.took(); len(got) != 0 {
		t.Errorf("a hit: %q", got)
	}

	globex := create(t, s, "globex")
	var applied []string
	eventually(t, "the change is applied", func() bool {
		applied = append(applied, first.took()...)
		return slices.Equal(applied, []string{"+3", "-3"})
	})
	first.mu.Lock()
	if len(first.obeyed) != 1 || first.obeyed[0].TenantID != globex.ID {
		t.Errorf("changes obeyed: %+v", first.obeyed)
	}
	first.mu.Unlock()

	db.set(func(d *database) { d.loadErr = errors.New("down") })
	if _, err := s.GetByIdentifier(t.Context(), "absent"); err == nil {
		t.Fatal("no error")
	}
	if got, want := first.took(), []string{"+0identifier", "+1identifier", "-1", "+2identifier", "-2 failed", "-0 failed"}; !slices.Equal(got, want) {
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
		return s.Stats().Local.Refreshes > 0
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
	s := newStack(t, db, newLocalMap(), cache)
	get(t, s, "acme")
	get(t, s, "acme")
	if st := s.Stats(); st.Local.ServedStale != 0 || st.Local.Hits != 1 || time.Since(st.LastContact) > time.Minute {
		t.Errorf("before the outage: %+v", st)
	}

	for range 2 { // twice, to see that the counts of several outages add up
		before := s.Stats().Local.ServedStale
		db.set(func(d *database) { d.logErr = errors.New("down") })
		eventually(t, "hits of an outage", func() bool { get(t, s, "acme"); return s.Stats().Local.ServedStale >= before+2 })
		db.set(func(d *database) { d.logErr = nil })
		last := s.Stats().LastContact
		eventually(t, "contact", func() bool { return s.Stats().LastContact.After(last) })
		eventually(t, "an end of stale service", func() bool {
			n := s.Stats().Local.ServedStale
			get(t, s, "acme")
			return s.Stats().Local.ServedStale == n
		})
	}
	if st := s.Stats(); st.Local.ServedStale >= st.Local.Hits {
		t.Errorf("%d of %d hits were stale", st.Local.ServedStale, st.Local.Hits)
	}

	cache.mu.Lock()
	cache.fail = errSick
	cache.mu.Unlock()
	before := s.Stats().Shared
	if _, err := s.GetByIdentifier(t.Context(), "absent"); !errors.Is(err, tenancy.ErrNotFound) {
		t.Fatal(err)
	}
	if _, err := s.GetByIDs(t.Context(), []string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats().Shared; st.Unanswered != before.Unanswered+3 || st.Misses != before.Misses {
		t.Errorf("%+v, want 3 lookups unanswered more than %+v", st, before)
	}
	if _, err := s.InvalidateAll(t.Context()); !errors.Is(err, errSick) {
		t.Errorf("InvalidateAll: %v, want the error of the cache", err)
	}
	if st := s.Stats(); st.Flushed != 1 {
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
