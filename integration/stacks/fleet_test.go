//go:build unix

package stacks

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// Short times make rare things frequent.
const (
	maxStale     = 2 * time.Second
	pollInterval = 200 * time.Millisecond
	// lateness is how late a change may be visible on a node that cannot reach the
	// database, on a busy machine.
	lateness = maxStale + 15*time.Second
)

// prefix is that of the fleet's keys in Valkey.
const prefix = "fleet:"

// plan says what a fleet is made of.
type plan struct {
	nodes    int
	postgres bool // else SQLite
	valkey   bool
	bus      bool // on Valkey; messages are lost and doubled
	// quick makes entries short-lived, so that everything happens in a short run.
	quick bool
	// blind makes the log hide from the nodes what some changes touch: their caches
	// cannot be coherent then.
	blind bool
	poll  time.Duration // the poll interval: pollInterval if 0
	lease time.Duration // how long one waits for the holder of a lease: 100 ms if 0
}

// fleet is several nodes, each with a stack of its own, on one database. Every node
// reaches its servers through proxies of its own.
type fleet struct {
	plan
	tb       testing.TB
	postgres *servers.Postgres
	valkey   *servers.Valkey
	path     string // of the SQLite file
	// raw is the database without any cache.
	raw   *bunstore.Store
	nodes []*node
}

// node is one process.
type node struct {
	index      int
	toDatabase *proxy // nil for SQLite
	toValkey   *proxy // nil without
	store      atomic.Pointer[tier.Store]
	loads      *countedSource // below the store that was opened last
}

func newFleet(tb testing.TB, p plan) *fleet {
	tb.Helper()
	if p.poll == 0 {
		p.poll = pollInterval
	}
	f := &fleet{plan: p, tb: tb}
	if p.valkey {
		f.valkey = servers.NewValkey(tb, servers.ValkeyOptions{Settings: map[string]string{
			"maxmemory": "8mb", "maxmemory-policy": "allkeys-lru", "enable-debug-command": "no",
		}})
	}
	if p.postgres {
		f.postgres = servers.NewPostgres(tb, servers.PostgresOptions{})
	} else {
		f.path = filepath.Join(tb.TempDir(), "tenants.db")
	}
	raw, err := f.database(nil)
	f.raw = must(tb, raw, err)
	tb.Cleanup(func() {
		if err := f.raw.Close(); err != nil {
			tb.Error(err)
		}
	})
	for i := range p.nodes {
		n := &node{index: i}
		if p.postgres {
			n.toDatabase = newProxy(tb, host(tb, f.postgres.DSN()))
		}
		if p.valkey {
			n.toValkey = newProxy(tb, f.valkey.Addr())
		}
		f.nodes = append(f.nodes, n)
		if err := f.open(n); err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() {
			if err := n.store.Load().Close(); err != nil {
				tb.Error(err)
			}
		})
	}
	return f
}

func host(tb testing.TB, dsn string) string {
	tb.Helper()
	u, err := url.Parse(dsn)
	return must(tb, u, err).Host
}

// database opens the database, through a proxy if there is one. The log is kept
// whole: the checker reads it from its beginning.
func (f *fleet) database(through *proxy) (*bunstore.Store, error) {
	whole := bunstore.WithRetention(0, 0)
	if !f.plan.postgres {
		return bunsqlite.Open(context.Background(), f.path, bunsqlite.WithSynchronous(bunsqlite.Normal),
			bunsqlite.WithStore(whole, bunstore.WithPollInterval(f.poll)))
	}
	dsn := f.postgres.DSN()
	if through != nil {
		u, err := url.Parse(dsn)
		if err != nil {
			return nil, errors.New("not a URL")
		}
		u.Host = through.Listen
		dsn = u.String()
	}
	return bunpg.Open(context.Background(), dsn, bunpg.WithConnectTimeout(time.Second), bunpg.WithStore(whole,
		bunstore.WithPollInterval(f.poll), bunstore.WithRetryTimeout(2*time.Second)))
}

// open gives n a new stack, as a start of its process does.
func (f *fleet) open(n *node) error {
	base, err := f.database(n.toDatabase)
	if err != nil {
		return err
	}
	n.loads = &countedSource{Store: base, blind: f.blind}
	opts := []tier.Option{
		tier.WithMaxStale(maxStale), tier.WithPollInterval(f.poll),
		tier.WithFollowTimeout(time.Second), tier.WithLoadTimeout(2 * time.Second),
		tier.WithLogger(slog.New(slog.DiscardHandler)),
	}
	if f.quick {
		opts = append(opts, tier.WithTTL(3*time.Second), tier.WithNegativeTTL(time.Second))
	}
	if f.lease > 0 {
		opts = append(opts, tier.WithLeaseWait(f.lease))
	}
	var store tenancy.Store = n.loads
	if f.plan.valkey {
		if store, err = f.overValkey(n, store, opts); err != nil {
			return err
		}
	}
	entries := ristrettotier.DefaultMaxEntries
	if f.quick {
		entries = cells + cells/2 // some are evicted
	}
	stack, err := ristrettotier.New(store, ristrettotier.WithMaxEntries(entries), ristrettotier.WithTier(opts...))
	if err != nil {
		return errors.Join(err, store.Close())
	}
	n.store.Store(stack)
	return nil
}

func (f *fleet) overValkey(n *node, next tenancy.Store, opts []tier.Option) (tenancy.Store, error) {
	client := valkey.ClientOption{InitAddress: []string{n.toValkey.Listen}}
	quiet := []valkeytier.Option{valkeytier.WithKeyPrefix(prefix), valkeytier.WithPlainSecrets(), valkeytier.WithLogger(slog.New(slog.DiscardHandler))}
	if f.bus {
		bus, err := valkeytier.NewBus(client, quiet...)
		if err != nil {
			return nil, errors.Join(err, next.Close())
		}
		opts = append(opts[:len(opts):len(opts)], tier.WithBus(&badBus{Bus: bus, bad: f.quick}))
	}
	s, err := valkeytier.New(next, client, append(quiet, valkeytier.WithTier(opts...))...)
	if err != nil {
		return nil, errors.Join(err, next.Close())
	}
	return s, nil
}

// restart closes the stack of n and then gives it a new one: two at a time would be
// two nodes, of which one may lag behind the other.
func (f *fleet) restart(n *node) error {
	if err := n.store.Load().Close(); err != nil {
		return err
	}
	return f.open(n)
}

// noticed waits until every node follows the history that the database has now.
func (f *fleet) noticed(ctx context.Context) error {
	for _, n := range f.nodes {
		for look := time.NewTicker(10 * time.Millisecond); ; {
			at := n.store.Load().Stats().Position
			_, err := f.raw.Changes(ctx, at, 1)
			if err == nil && !at.IsZero() {
				look.Stop()
				break
			}
			if err != nil && !errors.Is(err, tenancy.ErrCompacted) && !errors.Is(err, tenancy.ErrUnavailable) {
				look.Stop()
				return err
			}
			select {
			case <-ctx.Done():
				look.Stop()
				return ctx.Err()
			case <-look.C:
			}
		}
	}
	return nil
}

// countedSource counts the loads of a database. It lends its capabilities.
type countedSource struct {
	*bunstore.Store
	blind bool
	keys  atomic.Int64 // looked up
}

// Load implements [tenancy.Log].
func (s *countedSource) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Snapshot, error) {
	s.keys.Add(int64(len(want)))
	return s.Store.Load(ctx, want)
}

// Changes implements [tenancy.Log].
func (s *countedSource) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	changes, err := s.Store.Changes(ctx, after, limit)
	for i := range changes {
		if s.blind && changes[i].Position.Revision%3 == 0 {
			changes[i].Keys = nil
		}
	}
	return changes, err
}

// badBus loses some messages and doubles others, if bad.
type badBus struct {
	tier.Bus
	bad   bool
	count atomic.Uint64
}

// Publish implements [tier.Bus]: of every five messages, one is lost and one is sent
// twice.
func (b *badBus) Publish(ctx context.Context, p tenancy.Position) error {
	if b.bad {
		switch b.count.Add(1) % 5 {
		case 0:
			return nil
		case 1:
			return errors.Join(b.Bus.Publish(ctx, p), b.Bus.Publish(ctx, p))
		}
	}
	return b.Bus.Publish(ctx, p)
}
