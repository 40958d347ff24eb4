package tier_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// localMap is a local cache that keeps everything. It returns what was put, also
// when that is long outdated: the tier must notice.
type localMap struct {
	mu      sync.Mutex
	entries map[tenancy.Key]*tier.Entry
	frozen  bool // ignores Put, so that an old entry stays
}

func newLocalMap() *localMap { return &localMap{entries: map[tenancy.Key]*tier.Entry{}} }

func (c *localMap) Get(_ context.Context, key tenancy.Key) (tier.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return tier.Result{Entry: c.entries[key], Token: tier.LocalToken}, nil
}

func (c *localMap) Put(_ context.Context, _ tier.Token, e *tier.Entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.frozen {
		c.entries[e.Key] = e
	}
	return nil
}

func (c *localMap) Release(context.Context, tenancy.Key, tier.Token) error { return nil }
func (c *localMap) Apply(context.Context, tenancy.Change) error            { return nil }
func (c *localMap) Drop(context.Context, *tier.Entry) error                { return nil }
func (c *localMap) Shared() bool                                           { return false }
func (c *localMap) Close() error                                           { return nil }

func (c *localMap) InvalidateAll(context.Context) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.entries)
	clear(c.entries)
	return int64(n), nil
}

// sharedMap is a shared cache with leases, in memory: what Valkey is to several
// processes, it is to several stacks.
type sharedMap struct {
	mu    sync.Mutex
	slots map[tenancy.Key]slot
	fail  error
}

type slot struct {
	entry *tier.Entry
	lease tier.Token
}

func newSharedMap() *sharedMap { return &sharedMap{slots: map[tenancy.Key]slot{}} }

func (c *sharedMap) Get(_ context.Context, key tenancy.Key) (tier.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		return tier.Result{}, c.fail
	}
	s, found := c.slots[key]
	if !found {
		s.lease = tier.Token(rand.Uint64() | 1)
		c.slots[key] = s
		return tier.Result{Token: s.lease}, nil
	}
	return tier.Result{Entry: s.entry}, nil
}

func (c *sharedMap) Put(_ context.Context, token tier.Token, e *tier.Entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		return c.fail
	}
	s, found := c.slots[e.Key]
	if found && (s.entry == nil && s.lease == token || s.entry != nil && s.entry.Versioned.AsOf.Revision < e.Versioned.AsOf.Revision) {
		c.slots[e.Key] = slot{entry: e}
	}
	return nil
}

func (c *sharedMap) Release(_ context.Context, key tenancy.Key, token tier.Token) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.slots[key]; s.entry == nil && s.lease == token {
		delete(c.slots, key)
	}
	return c.fail
}

func (c *sharedMap) Apply(_ context.Context, change tenancy.Change) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range change.Keys {
		if s := c.slots[k]; s.entry == nil || s.entry.Versioned.AsOf.Revision < change.Position.Revision {
			delete(c.slots, k)
		}
	}
	return c.fail
}

func (c *sharedMap) Drop(_ context.Context, e *tier.Entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.slots[e.Key].entry == e {
		delete(c.slots, e.Key)
	}
	return c.fail
}

func (c *sharedMap) Shared() bool { return true }
func (c *sharedMap) Close() error { return nil }

func (c *sharedMap) InvalidateAll(context.Context) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.slots)
	clear(c.slots)
	return int64(n), c.fail
}

func (c *sharedMap) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.slots)
}

func (c *sharedMap) entry(key tenancy.Key) *tier.Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.slots[key].entry
}

// database is a memstore whose log and loads can be made to fail or to wait.
type database struct {
	*memstore.Store
	mu      sync.Mutex
	logErr  error
	loadErr error
	onLoad  func(loaded bool) // before and after each Load
	loads   int
}

func newDatabase() *database { return &database{Store: memstore.New()} }

func (d *database) set(change func(*database)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

func (d *database) Loads() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.loads
}

func (d *database) Bounds(ctx context.Context) (tenancy.Bounds, error) {
	d.mu.Lock()
	err := d.logErr
	d.mu.Unlock()
	if err != nil {
		return tenancy.Bounds{}, err
	}
	return d.Store.Bounds(ctx)
}

func (d *database) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	d.mu.Lock()
	err := d.logErr
	d.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return d.Store.Changes(ctx, after, limit)
}

func (d *database) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	d.mu.Lock()
	d.loads++
	err, hook := d.loadErr, d.onLoad
	d.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if hook != nil {
		hook(false)
	}
	out, err := d.Store.Load(ctx, want)
	if hook != nil {
		hook(true)
	}
	return out, err
}

// Close leaves the memstore open: several stacks share it.
func (d *database) Close() error { return nil }

func newTier(tb testing.TB, next tenancy.Store, cache tier.Cache, opts ...tier.Option) *tier.Store {
	tb.Helper()
	opts = append([]tier.Option{
		tier.WithLogger(slog.New(slog.DiscardHandler)),
	}, opts...)
	s, err := tier.New(next, cache, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func create(tb testing.TB, s tenancy.Store, identifier string) tenancy.Tenant {
	tb.Helper()
	t, err := s.Create(context.Background(), tenancy.Tenant{Identifier: identifier, Name: identifier})
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

func get(tb testing.TB, s tenancy.Store, identifier string) tenancy.Tenant {
	tb.Helper()
	t, err := s.GetByIdentifier(context.Background(), identifier)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

func suspend(tb testing.TB, s tenancy.Store, id string) tenancy.Tenant {
	tb.Helper()
	t, err := s.SetStatus(context.Background(), id, tenancy.StatusSuspended)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// eventually waits until ok, which must become true by the tier's own doing. The
// condition decides: no busy machine takes minutes.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("waited in vain: %s", what)
		}
	}
}
