//go:build unix

package stacks

import (
	"context"
	"errors"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/replica"
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
	postgres bool // else SQLite, if not mysql
	mysql    bool // on the server that tests share
	valkey   bool
	sentinel bool // valkey has a replica and sentinels
	replica  bool // of the database, below the cache in the process
	bare     bool // nodes are replicas without any cache, each with a snapshot file
	bus      bool // on Valkey; messages are lost and doubled if quick
	former   bool // identifiers are kept: a write to one tenant may change the names of another
	// quick makes entries short-lived, so that everything happens in a short run.
	quick bool
	// direct leaves out the proxies, which cost time: no network fault can happen.
	direct bool
	// blind makes the log hide from the nodes what some changes touch: their caches
	// cannot be coherent then.
	blind bool
	poll  time.Duration // the poll interval: pollInterval if 0
	lease time.Duration // how long one waits for the holder of a lease: 100 ms if 0
	// patient lets nothing fail because the machine is busy: for tests in which all is
	// well with the database.
	patient  bool
	deadline time.Duration // of a call of Valkey: the default if 0
}

// fleet is several nodes, each with a stack of its own, on one database. Every node
// reaches its servers through proxies of its own.
type fleet struct {
	plan
	tb       testing.TB
	postgres *servers.Postgres    // nil for others
	valkey   *servers.Valkey      // nil without, and with sentinels
	sentinel *servers.SentinelSet // nil without
	site     site                 // as seen without proxies
	// raw is the database without any cache.
	raw   *bunstore.Store
	nodes []*node
}

// node is one process.
type node struct {
	index      int
	site       site
	toDatabase proxies                       // none for SQLite
	toValkey   proxies                       // one for each server of it
	store      atomic.Pointer[tier.Store]    // but for
	bare       atomic.Pointer[replica.Store] // see plan
	loads      *countedSource                // below the store that was opened last
}

func newFleet(tb testing.TB, p plan) *fleet {
	tb.Helper()
	if p.poll == 0 {
		p.poll = pollInterval
	}
	f := &fleet{plan: p, tb: tb, site: site{Sentinel: p.sentinel, Bus: p.bus, Former: p.former, Quick: p.quick, Replica: p.replica, Poll: p.poll, Lease: p.lease, Patient: p.patient, Deadline: p.deadline}}
	f.startServers()
	raw, err := f.site.database()
	f.raw = must(tb, raw, err)
	tb.Cleanup(func() {
		if err := f.raw.Close(); err != nil {
			tb.Error(err)
		}
	})
	for i := range p.nodes {
		n := f.newNode(i)
		f.nodes = append(f.nodes, n)
		if err := f.open(n); err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() {
			if err := n.serves().Close(); err != nil {
				tb.Error(err)
			}
		})
	}
	return f
}

func (f *fleet) startServers() {
	f.tb.Helper()
	options := servers.ValkeyOptions{Settings: map[string]string{
		"maxmemory": "8mb", "maxmemory-policy": "allkeys-lru", "enable-debug-command": "no",
	}}
	switch {
	case f.plan.sentinel:
		f.sentinel = servers.NewSentinelSet(f.tb, options)
		f.site.Valkey = f.sentinel.Addrs()
	case f.plan.valkey:
		f.valkey = servers.NewValkey(f.tb, options)
		f.site.Valkey = []string{f.valkey.Addr()}
	}
	switch {
	case f.plan.postgres:
		f.postgres = servers.NewPostgres(f.tb, servers.PostgresOptions{})
		f.site.DSN = f.postgres.DSN()
	case f.plan.mysql:
		f.site.DSN = servers.NewMySQLDatabase(f.tb)
	default:
		f.site.Path = filepath.Join(f.tb.TempDir(), "tenants.db")
	}
}

func (f *fleet) newNode(index int) *node {
	f.tb.Helper()
	n := &node{index: index, site: f.site}
	n.site.snapshot = filepath.Join(f.tb.TempDir(), "tenants.snap")
	if f.direct {
		return n
	}
	if f.site.DSN != "" {
		u, err := url.Parse(f.site.DSN)
		u = must(f.tb, u, err)
		p := newProxy(f.tb, u.Host)
		u.Host = p.Listen
		n.site.DSN, n.toDatabase = u.String(), proxies{p}
	}
	n.site.detour = map[string]string{}
	for _, v := range f.valkeys() {
		p := newProxy(f.tb, v.Addr())
		n.site.detour[v.Addr()] = p.Listen
		n.toValkey = append(n.toValkey, p)
	}
	return n
}

// valkeys returns the servers that hold, or may come to hold, entries.
func (f *fleet) valkeys() []*servers.Valkey {
	switch {
	case f.sentinel != nil:
		return []*servers.Valkey{f.sentinel.Primary, f.sentinel.Replica}
	case f.valkey != nil:
		return []*servers.Valkey{f.valkey}
	}
	return nil
}

// primary returns the server of Valkey that holds the entries now.
func (f *fleet) primary(ctx context.Context) (*servers.Valkey, error) {
	if f.sentinel == nil {
		return f.valkey, nil
	}
	primary, _, err := f.sentinel.Roles(ctx)
	return primary, err
}

// open gives n a new stack, as a start of its process does.
func (f *fleet) open(n *node) error {
	if f.plan.bare {
		r, err := n.site.bare()
		if err != nil {
			return err
		}
		n.bare.Store(r)
		return nil
	}
	base, err := n.site.database()
	if err != nil {
		return err
	}
	n.loads = &countedSource{Store: base, blind: f.blind}
	stack, err := n.site.stack(n.loads)
	if err != nil {
		return err
	}
	n.store.Store(stack)
	return nil
}

// restart closes the stack of n and then gives it a new one: two at a time would be
// two nodes, of which one may lag behind the other.
func (f *fleet) restart(n *node) error {
	if err := n.serves().Close(); err != nil {
		return err
	}
	return f.open(n)
}

// serving is a node as its users see it.
type serving interface {
	tenancy.Store
	Reader() *follow.Reader
}

func (n *node) serves() serving {
	if r := n.bare.Load(); r != nil {
		return r
	}
	return n.store.Load()
}

// noticed waits until every node follows the history that the database has now.
func (f *fleet) noticed(ctx context.Context) error {
	for _, n := range f.nodes {
		for look := time.NewTicker(10 * time.Millisecond); ; {
			at := n.serves().Reader().Position()
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
	// committed is when the last SetStatus had been committed.
	committed atomic.Pointer[time.Time]
}

// SetStatus implements [tenancy.Store].
func (s *countedSource) SetStatus(ctx context.Context, id string, status tenancy.Status) (tenancy.Tenant, error) {
	t, err := s.Store.SetStatus(ctx, id, status)
	now := time.Now()
	s.committed.Store(&now)
	return t, err
}

// Load implements [tenancy.Log].
func (s *countedSource) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	s.keys.Add(int64(len(want)))
	return s.Store.Load(ctx, want)
}

// Changes implements [tenancy.Log].
func (s *countedSource) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	changes, err := s.Store.Changes(ctx, after, limit)
	for i := range changes {
		changes[i] = s.shown(changes[i])
	}
	return changes, err
}

// shown returns what the nodes see of a change.
func (s *countedSource) shown(c tenancy.Change) tenancy.Change {
	if s.blind && c.Position.Revision%3 == 0 {
		c.Keys = nil
	}
	return c
}
