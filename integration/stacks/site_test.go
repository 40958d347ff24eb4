//go:build unix

package stacks

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunmysql"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunsqlite"
	"github.com/go-tenancy/tenantstore/adapters/bun/bunstore"
	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/adapters/valkey/valkeytier"
	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// site is what a process must know to open a stack on the servers of a fleet.
type site struct {
	DSN    string   // of PostgreSQL or MySQL; empty for SQLite
	Path   string   // of the SQLite file
	Valkey []string // addresses; none without
	// Sentinel says that Valkey are the addresses of sentinels.
	Sentinel    bool
	Bus, Quick  bool // see plan
	Former      bool // see plan
	Replica     bool // see plan
	Poll, Lease time.Duration
	Patient     bool          // see plan
	Deadline    time.Duration // see plan

	// snapshot is the file of a bare replica.
	snapshot string
	// detour leads from the address of a Valkey server to that of a proxy.
	detour map[string]string
}

// database opens the database. The log is kept whole unless a test trims it: the
// checker reads it from its beginning.
func (s site) database() (*bunstore.Store, error) {
	opts := []bunstore.Option{bunstore.WithRetention(0, 0), bunstore.WithPollInterval(s.Poll)}
	if s.Former {
		opts = append(opts, bunstore.WithKeepFormer(time.Hour))
	}
	if s.DSN == "" {
		return bunsqlite.Open(context.Background(), s.Path, bunsqlite.WithSynchronous(bunsqlite.Normal),
			bunsqlite.WithStore(opts...))
	}
	if strings.HasPrefix(s.DSN, "mysql:") {
		return bunmysql.Open(context.Background(), s.DSN, bunmysql.WithConnectTimeout(s.limit(time.Second)),
			bunmysql.WithStore(append(opts, bunstore.WithRetryTimeout(s.limit(2*time.Second)))...))
	}
	return bunpg.Open(context.Background(), s.DSN, bunpg.WithConnectTimeout(s.limit(time.Second)),
		bunpg.WithStore(append(opts, bunstore.WithRetryTimeout(s.limit(2*time.Second)))...))
}

// limit is how long something may take that usually takes less than short.
func (s site) limit(short time.Duration) time.Duration {
	if s.Patient {
		return patience
	}
	return short
}

// stack puts the caches on base, as a service has them: Ristretto, and Valkey or a replica
// below it if there is one. It closes base if it fails.
func (s site) stack(base tenancy.Store) (*tier.Store, error) {
	whole := []tier.Option{
		tier.WithMaxStale(s.limit(maxStale)),
		tier.WithFollowTimeout(s.limit(time.Second)), tier.WithLoadTimeout(s.limit(2 * time.Second)),
	}
	var each []tier.Option
	if s.Replica {
		var err error
		if base, err = s.overReplica(base); err != nil {
			return nil, err
		}
	}
	entries := ristrettotier.DefaultMaxEntries
	if s.Quick {
		each = append(each, tier.WithTTL(3*time.Second), tier.WithNegativeTTL(time.Second))
		entries = cells + cells/2 // some are evicted
	}
	ours := each
	if len(s.Valkey) > 0 {
		var err error
		if base, err = s.overValkey(base, slices.Concat(whole, each)); err != nil {
			return nil, err
		}
	} else {
		ours = slices.Concat(whole, each, []tier.Option{tier.WithLogger(slog.New(slog.DiscardHandler))})
	}
	stack, err := ristrettotier.New(base, ristrettotier.WithMaxEntries(entries), ristrettotier.WithTier(ours...))
	if err != nil {
		return nil, errors.Join(err, base.Close())
	}
	return stack, nil
}

func (s site) overReplica(next tenancy.Store) (tenancy.Store, error) {
	source, ok := tenancy.SourceOf(next)
	if !ok {
		return nil, errors.Join(errors.ErrUnsupported, next.Close())
	}
	r, err := replica.New(source, replica.WithMaxStale(s.limit(maxStale)), replica.WithFollowTimeout(s.limit(time.Second)),
		replica.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, errors.Join(err, next.Close())
	}
	return r, nil
}

// maxAge is how old a snapshot file may be from which a replica is served: less than what
// the checker allows.
const maxAge = 10 * time.Second

// bare opens a replica that starts from a file, also where the database is down.
func (s site) bare() (*replica.Store, error) {
	open := func(context.Context) (tenancy.Source, error) {
		db, err := s.database()
		if err != nil {
			return nil, err
		}
		return db, nil
	}
	return replica.Open(open, replica.WithSnapshotFile(s.snapshot, maxAge), replica.WithMaxStale(s.limit(maxStale)),
		replica.WithFollowTimeout(s.limit(time.Second)), replica.WithLogger(nil))
}

func (s site) overValkey(next tenancy.Store, opts []tier.Option) (tenancy.Store, error) {
	client := valkey.ClientOption{InitAddress: s.Valkey}
	if s.Lease > 0 {
		opts = append(opts, tier.WithLeaseWait(s.Lease))
	}
	if s.Sentinel {
		client.Sentinel.MasterSet = servers.MasterSet
	}
	if s.detour != nil {
		client.DialCtxFn = s.dial
	}
	quiet := []valkeytier.Option{valkeytier.WithKeyPrefix(prefix), valkeytier.WithPlainSecrets(), valkeytier.WithLogger(slog.New(slog.DiscardHandler))}
	if s.Deadline > 0 {
		client.Dialer.Timeout = s.Deadline
		quiet = append(quiet, valkeytier.WithDeadline(s.Deadline))
	}
	if s.Bus {
		bus, err := valkeytier.NewBus(client, quiet...)
		if err != nil {
			return nil, errors.Join(err, next.Close())
		}
		opts = append(opts, tier.WithBus(&badBus{Bus: bus, bad: s.Quick}))
	}
	store, err := valkeytier.New(next, client, append(quiet, valkeytier.WithTier(opts...))...)
	if err != nil {
		return nil, errors.Join(err, next.Close())
	}
	return store, nil
}

// dial connects to a server of Valkey by its detour, if it has one.
func (s site) dial(ctx context.Context, addr string, dialer *net.Dialer, _ *tls.Config) (net.Conn, error) {
	if proxied, ok := s.detour[addr]; ok {
		addr = proxied
	}
	return dialer.DialContext(ctx, "tcp", addr)
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
