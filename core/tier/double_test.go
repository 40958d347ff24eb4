package tier_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

// localMap is a local cache that keeps everything. It returns what was put, also
// when that is long outdated: the tier must notice.
type localMap struct {
	mu      sync.Mutex
	entries map[tenancy.Key]*tier.Entry
	frozen  bool // ignores Put, so that an old entry stays
}

func newLocalMap() *localMap { return &localMap{entries: map[tenancy.Key]*tier.Entry{}} }

func (c *localMap) Get(key tenancy.Key) *tier.Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entries[key]
}

func (c *localMap) Put(e *tier.Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.frozen {
		c.entries[e.Key] = e
	}
}

func (c *localMap) MaxEntries() int64 { return 1 << 16 }
func (c *localMap) Close()            {}

func (c *localMap) InvalidateAll() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.entries)
	clear(c.entries)
	return int64(n)
}

// sharedMap is a shared cache with leases, in memory: what Valkey is to several
// processes, it is to several stacks.
type sharedMap struct {
	mu        sync.Mutex
	slots     map[tenancy.Key]slot
	fail      error
	noSecrets bool // a tenant with a DatabaseURL is not for it
}

type slot struct {
	entry *tier.Entry
	lease tier.Token
}

func newSharedMap() *sharedMap { return &sharedMap{slots: map[tenancy.Key]slot{}} }

func (c *sharedMap) Get(_ context.Context, keys []tenancy.Key) ([]tier.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	results := make([]tier.Result, len(keys))
	for i, key := range keys {
		s, found := c.slots[key]
		if !found {
			s.lease = tier.Token(rand.Uint64() | 1)
			c.slots[key] = s
			results[i].Token = s.lease
			continue
		}
		results[i].Entry, results[i].Leased = s.entry, s.entry == nil
	}
	if c.fail != nil {
		return nil, c.fail
	}
	return results, nil
}

func (c *sharedMap) Put(_ context.Context, fills []tier.Fill) (uncacheable int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		return 0, c.fail
	}
	for _, f := range fills {
		s, found := c.slots[f.Entry.Key]
		switch {
		case c.noSecrets && !f.Entry.Versioned.Tenant.DatabaseURL.IsZero():
			uncacheable++
			if s.entry == nil && s.lease == f.Token {
				delete(c.slots, f.Entry.Key)
			}
		case found && (s.entry == nil && s.lease == f.Token || s.entry != nil && s.entry.Versioned.AsOf.Revision < f.Entry.Versioned.AsOf.Revision):
			c.slots[f.Entry.Key] = slot{entry: f.Entry}
		}
	}
	return uncacheable, nil
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

func (c *sharedMap) Close() error { return nil }

func (c *sharedMap) InvalidateAll(context.Context) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.slots)
	clear(c.slots)
	return int64(n), c.fail
}

func (c *sharedMap) set(key tenancy.Key, s slot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slots[key] = s
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

// in returns a cache of either kind for New.
func in(cache any) tier.Cache {
	if c, ok := cache.(tier.LocalCache); ok {
		return tier.Local(c)
	}
	return tier.Shared(cache.(tier.SharedCache))
}

// newStack returns a local cache over a shared one over next. The options are those of
// the shared one, and of the stack.
func newStack(tb testing.TB, next tenancy.Store, l1 tier.LocalCache, l2 tier.SharedCache, opts ...tier.Option) *tier.Store {
	tb.Helper()
	return newTier(tb, newTier(tb, next, l2, opts...), l1)
}

// newTier returns next with a cache of either kind in front of it.
func newTier(tb testing.TB, next tenancy.Store, cache any, opts ...tier.Option) *tier.Store {
	tb.Helper()
	s, err := tier.New(next, in(cache), opts...)
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
	for deadline := time.Now().Add(5 * time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("waited in vain: %s", what)
		}
	}
}
