package tiertest_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/conformance/faults"
	"github.com/go-tenancy/tenantstore/conformance/internal/recorder"
	"github.com/go-tenancy/tenantstore/conformance/tiertest"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// What RunStack says.
const (
	stale    = "but the node had come to"
	phantom  = "never was"
	lost     = "is not in the log"
	apart    = "does not agree with the source"
	failing  = "no fault of the round explains"
	staleOr  = stale + "|" + apart
	anything = stale + "|" + apart + "|" + phantom
)

// stackMutant is a stack that makes a mistake in the protocol.
type stackMutant struct {
	how    string
	layers []string
	says   string // one of the failures
	plan   plan
}

func stackMutants() []stackMutant {
	local, shared, both := []string{"local"}, []string{"shared"}, []string{"shared", "local"}
	return []stackMutant{
		{"raises no floors", local, staleOr, plan{source: changing(func(c *tenancy.Change) { c.Keys = nil })}},
		{"raises no floors under two caches", both, staleOr, plan{source: changing(func(c *tenancy.Change) { c.Keys = nil })}},
		{"raises the floors of IDs alone", local, staleOr, plan{source: changing(func(c *tenancy.Change) {
			c.Keys = []tenancy.Key{tenancy.IDKey(c.TenantID)}
		})}},
		{"raises the floors of IDs and identifiers alone", local, staleOr, plan{source: changing(fieldsOnly)}},
		{"raises the floor of the last change it reads alone", local, staleOr, plan{source: func(s *faults.Source) tenancy.Source {
			return &lying{Source: s, changes: func(changes []tenancy.Change) {
				for i := range changes[:max(0, len(changes)-1)] {
					changes[i].Keys = nil
				}
			}}
		}}},
		{"serves before it has followed the log", local, staleOr, plan{source: func(s *faults.Source) tenancy.Source {
			l := &lying{Source: s}
			l.load = func(_ context.Context, snapshots []tenancy.Versioned) {
				if followed := l.followed(); !followed.IsZero() {
					for i := range snapshots {
						snapshots[i].AsOf = followed
					}
				}
			}
			return l
		}}},
		{"takes the position after it has read", local, staleOr, plan{source: func(s *faults.Source) tenancy.Source {
			return &lying{Source: s, load: func(ctx context.Context, snapshots []tenancy.Versioned) {
				head, err := s.Decorator.Bounds(ctx)
				for i := range snapshots {
					if err == nil {
						snapshots[i].AsOf = head.Newest
					}
				}
			}}
		}}},
		{"compares revisions without marks", shared, anything, plan{source: func(s *faults.Source) tenancy.Source { return &unmarked{s} }}},
		{"compares revisions without marks in a local cache", local, anything, plan{source: func(s *faults.Source) tenancy.Source { return &unmarked{s} }}},
		{"does not follow the log after a write", local, stale, plan{node: func(s tenancy.Store, source *faults.Source) tenancy.Store {
			return &split{Store: s, writes: func(context.Context) tenancy.Store { return source.Decorator }}
		}}},
		{"serves its caches after a write that it could not follow", local, stale, plan{node: func(s tenancy.Store, source *faults.Source) tenancy.Store {
			return &split{Store: s, writes: func(ctx context.Context) tenancy.Store {
				if _, err := source.Bounds(ctx); err != nil {
					return source.Decorator
				}
				return s
			}}
		}}},
		{"joins loads that began before", local, staleOr, plan{node: func(s tenancy.Store, source *faults.Source) tenancy.Store {
			return &coalescing{Store: s, source: source}
		}}},
		{"follows the log for a while", local, "", plan{source: func(s *faults.Source) tenancy.Source { return &tired{Source: s} }}},
		{"keeps what it read for a second", shared, staleOr, plan{node: func(s tenancy.Store, _ *faults.Source) tenancy.Store {
			return &forgetful{Store: s, kept: map[string]kept{}}
		}}},
		{"mixes up keys", local, anything, plan{local: func(c tier.LocalCache) tier.LocalCache { return mixing{c} }}},
		{"alters what it holds", both, anything, plan{shared: func(c tier.SharedCache) tier.SharedCache { return altering{c} }}},
		{"acknowledges writes that it does not make", local, lost + "|" + phantom, plan{node: func(s tenancy.Store, _ *faults.Source) tenancy.Store { return &boasting{Store: s} }}},
		{"updates whatever has the revision", local, "a restore has undone", plan{node: func(s tenancy.Store, _ *faults.Source) tenancy.Store { return believing{s} }}},
		{"fails with its cache", shared, failing, plan{node: func(s tenancy.Store, _ *faults.Source) tenancy.Store { return failsWith{s} }}},
	}
}

// fieldsOnly has a change touch no names.
func fieldsOnly(c *tenancy.Change) {
	c.Keys = slices.DeleteFunc(slices.Clone(c.Keys), func(k tenancy.Key) bool { return !k.OfField() })
}

func TestStackMutantsAreRejected(t *testing.T) {
	for _, m := range stackMutants() {
		t.Run(strings.ReplaceAll(m.how, " ", "-"), func(t *testing.T) {
			t.Parallel()
			m.plan.layers, m.plan.nodes = m.layers, 3
			h := tiertest.StackHarness{Open: m.plan.open, Rounds: 400, Patience: time.Second}
			var got recorder.Outcome
			for range stackRuns {
				h.Patience = min(2*h.Patience, time.Minute) // a busy machine may fail earlier, for another reason
				got = recorder.Record(t, func(tb testing.TB) { tiertest.CheckStack(tb, h) })
				if m.caught(got) {
					t.Logf("%s", got.Failures[0])
					return
				}
			}
			t.Errorf("RunStack does not reject, for what it is, a stack that %s: %s", m.how, got.Text())
		})
	}
}

// Mutants are met by chance, and may be seen by another of their consequences
// first.
const stackRuns = 50

// caught reports whether a failure is one that m names.
func (m stackMutant) caught(got recorder.Outcome) bool {
	return slices.ContainsFunc(got.Failures, func(failure string) bool {
		return strings.HasPrefix(failure, "seed ") && slices.ContainsFunc(strings.Split(m.says, "|"), func(says string) bool {
			return strings.Contains(failure, says)
		})
	})
}

// lying is a source that says something else than it knows.
type lying struct {
	*faults.Source
	changes func([]tenancy.Change)
	load    func(context.Context, []tenancy.Versioned)

	mu   sync.Mutex
	last tenancy.Position
}

func changing(change func(*tenancy.Change)) func(s *faults.Source) tenancy.Source {
	return func(s *faults.Source) tenancy.Source {
		return &lying{Source: s, changes: func(changes []tenancy.Change) {
			for i := range changes {
				change(&changes[i])
			}
		}}
	}
}

// followed returns how far the log was read.
func (l *lying) followed() tenancy.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

func (l *lying) follow(p tenancy.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = p
}

func (l *lying) Bounds(ctx context.Context) (tenancy.Bounds, error) {
	head, err := l.Source.Bounds(ctx)
	if err == nil {
		l.follow(head.Newest)
	}
	return head, err
}

func (l *lying) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	changes, err := l.Source.Changes(ctx, after, limit)
	if l.changes != nil {
		l.changes(changes)
	}
	if len(changes) > 0 {
		l.follow(changes[len(changes)-1].Position)
	}
	return changes, err
}

func (l *lying) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	snapshots, err := l.Source.Load(ctx, want)
	if err == nil && l.load != nil {
		l.load(ctx, snapshots)
	}
	return snapshots, err
}

// unmarked is a source whose positions are revisions alone.
type unmarked struct{ *faults.Source }

func (u *unmarked) Bounds(ctx context.Context) (tenancy.Bounds, error) {
	head, err := u.Source.Bounds(ctx)
	head.Oldest.Mark, head.Newest.Mark = 0, 0
	return head, err
}

func (u *unmarked) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	head, err := u.Source.Bounds(ctx)
	if err != nil {
		return nil, err
	}
	at := head.Oldest
	if after.Revision > at.Revision {
		all, err := u.Source.Changes(ctx, at, tenancy.MaxChangesLimit)
		if err != nil {
			return nil, err
		}
		for _, c := range all {
			if c.Position.Revision == after.Revision {
				at = c.Position
			}
		}
	}
	if at.Revision != after.Revision {
		return nil, driver.ErrorIn("Changes", tenancy.Key{}, tenancy.ErrCompacted)
	}
	changes, err := u.Source.Changes(ctx, at, limit)
	for i := range changes {
		changes[i].Position.Mark = 0
	}
	return changes, err
}

func (u *unmarked) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	snapshots, err := u.Source.Load(ctx, want)
	for i := range snapshots {
		snapshots[i].AsOf.Mark = 0
	}
	return snapshots, err
}

// tired is a source whose log ends after some reads.
type tired struct {
	*faults.Source
	reads atomic.Int32
}

func (s *tired) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	if s.reads.Add(1) > 200 {
		return nil, ctx.Err()
	}
	return s.Decorator.Changes(ctx, after, limit)
}

// split writes elsewhere than it reads.
type split struct {
	tenancy.Store
	writes func(ctx context.Context) tenancy.Store
}

func (s *split) Create(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return s.writes(ctx).Create(ctx, t)
}

func (s *split) Update(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return s.writes(ctx).Update(ctx, t)
}

func (s *split) SetStatus(ctx context.Context, id string, status tenancy.Status) (tenancy.Tenant, error) {
	return s.writes(ctx).SetStatus(ctx, id, status)
}

func (s *split) Delete(ctx context.Context, id string) error { return s.writes(ctx).Delete(ctx, id) }

// coalescing lets every lookup of an ID join the one under way, past the tiers.
type coalescing struct {
	tenancy.Store
	source *faults.Source

	mu      sync.Mutex
	flights map[string]*flight
}

type flight struct {
	done   chan struct{}
	tenant tenancy.Tenant
	err    error
}

func (c *coalescing) GetByID(ctx context.Context, id string) (tenancy.Tenant, error) {
	c.mu.Lock()
	f := c.flights[id]
	if f != nil {
		c.mu.Unlock()
		<-f.done
		return f.tenant, f.err
	}
	f = &flight{done: make(chan struct{})}
	if c.flights == nil {
		c.flights = map[string]*flight{}
	}
	c.flights[id] = f
	c.mu.Unlock()
	f.tenant, f.err = c.source.Decorator.GetByID(ctx, id)
	time.Sleep(200 * time.Microsecond) // the way back
	c.mu.Lock()
	delete(c.flights, id)
	c.mu.Unlock()
	close(f.done)
	return f.tenant, f.err
}

// forgetful is a cache with a TTL and nothing else.
type forgetful struct {
	tenancy.Store
	mu   sync.Mutex
	kept map[string]kept
}

type kept struct {
	tenant tenancy.Tenant
	until  time.Time
}

func (f *forgetful) GetByIdentifier(ctx context.Context, identifier string) (tenancy.Tenant, error) {
	f.mu.Lock()
	k := f.kept[identifier]
	f.mu.Unlock()
	if time.Now().Before(k.until) {
		return k.tenant, nil
	}
	t, err := f.Store.GetByIdentifier(ctx, identifier)
	if err == nil {
		f.mu.Lock()
		f.kept[identifier] = kept{t, time.Now().Add(time.Second)}
		f.mu.Unlock()
	}
	return t, err
}

// mixing does not compare keys.
type mixing struct{ tier.LocalCache }

func mixed(k tenancy.Key) tenancy.Key {
	return tenancy.Key{Kind: k.Kind, Value: strings.TrimRight(k.Value, "01") + "?"}
}

func (m mixing) Get(k tenancy.Key) *tier.Entry {
	return rekeyed(m.LocalCache.Get(mixed(k)), k)
}

func (m mixing) Put(e *tier.Entry) { m.LocalCache.Put(rekeyed(e, mixed(e.Key))) }

func rekeyed(e *tier.Entry, k tenancy.Key) *tier.Entry {
	if e == nil {
		return nil
	}
	renamed := *e
	renamed.Key = k
	return &renamed
}

// altering cuts names.
type altering struct{ tier.SharedCache }

func (a altering) Put(ctx context.Context, fills []tier.Fill) (int, error) {
	fills = slices.Clone(fills)
	for i, f := range fills {
		cut := *f.Entry
		cut.Versioned.Tenant.Name = strings.TrimRight(cut.Versioned.Tenant.Name, "0123456789")
		fills[i].Entry = &cut
	}
	return a.SharedCache.Put(ctx, fills)
}

// boasting now and then says yes without doing anything.
type boasting struct {
	tenancy.Store
	n atomic.Int32
}

func (b *boasting) SetStatus(ctx context.Context, id string, status tenancy.Status) (tenancy.Tenant, error) {
	t, err := b.GetByID(ctx, id)
	if b.n.Add(1)%5 != 0 || err != nil {
		return b.Store.SetStatus(ctx, id, status)
	}
	t.Status = status
	t.Revision += 1000
	return t, nil
}

// believing takes a revision for a state.
type believing struct{ tenancy.Store }

func (b believing) Update(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	if stored, err := tenancy.Fresh(b.Store).GetByID(ctx, t.ID); err == nil && stored.Revision == t.Revision {
		t.Mark = stored.Mark
	}
	return b.Store.Update(ctx, t)
}

// failsWith fails when its cache has failed.
type failsWith struct{ tenancy.Store }

func (f failsWith) errors() int64 {
	s, _ := tier.Of(f.Store)
	return s.Stats().Shared.Errors
}

func (f failsWith) GetByID(ctx context.Context, id string) (tenancy.Tenant, error) {
	before := f.errors()
	t, err := f.Store.GetByID(ctx, id)
	if f.errors() > before {
		return tenancy.Tenant{}, driver.ErrorIn("GetByID", tenancy.IDKey(id), tenancy.ErrUnavailable)
	}
	return t, err
}
