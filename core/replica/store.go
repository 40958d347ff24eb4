package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/internal/index"
	"github.com/go-tenancy/tenantstore/core/internal/nilvalue"
	"github.com/go-tenancy/tenantstore/core/internal/striped"
	"github.com/go-tenancy/tenantstore/core/internal/table"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Store is a store with all its tenants in memory. Create one with New; it is safe for
// concurrent use.
type Store struct {
	follow.Decorator // the writes, and the log
	source           tenancy.Source
	reader           *follow.Reader
	memory           *driver.Extended // reads of more than one tenant, from memory
	cfg              config
	table            *table.Table
	named            atomic.Bool // the table has the names of all tenants that it shows

	mu       sync.RWMutex // guards what follows, and writes of the table
	index    index.Index
	at       tenancy.Position // as of which memory is, if it is whole
	indexes  []*Index
	handlers []*handler

	loader   loader
	phase    phase
	snapshot snapshotFile
	stats    counters
	closeBus sync.Once
	// Called for each change.
	observers atomic.Pointer[[]func(tenancy.Change)]
}

type counters struct {
	hits, absent        striped.Counter
	below, scans, loads atomic.Int64
	snapshots           atomic.Int64 // files written
}

var _ tenancy.Source = (*Store)(nil)

// New returns a replica of source. It does no I/O: the tenants are read in the background,
// with retries until that succeeds, so that an unreachable database does not prevent a
// start. Close closes source.
func New(source tenancy.Source, opts ...Option) (*Store, error) {
	return open(source, opts, func(l *loader) follow.Loader { return l })
}

// open is New with what follows the log, so that tests can break it.
func open(source tenancy.Source, opts []Option, follower func(*loader) follow.Loader) (*Store, error) {
	if nilvalue.Is(source) {
		return nil, invalid("the source is nil")
	}
	if _, ok := tenancy.SourceOf(source); !ok {
		return nil, &tenancy.Error{Op: "New", Err: fmt.Errorf("%w: replica: the store below is no tenancy.Source", errors.ErrUnsupported)}
	}
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	if cfg.withoutSecrets {
		source = withoutSecrets(source)
	}
	s := &Store{source: source, cfg: cfg, table: table.New()}
	s.phase.begin()
	s.loader.init(s)
	if s.memory, err = driver.Extend(memory{s: s}); err != nil {
		return nil, err
	}
	s.reader = follow.New(source, follower(&s.loader), follow.Config{Timeout: cfg.followTimeout, Logger: cfg.logger})
	s.Decorator = follow.NewDecorator(source, s.reader, holder{s})
	s.reader.LimitStale(cfg.maxStale)
	if cfg.bus != nil {
		s.reader.Join(cfg.bus)
	}
	if cfg.path != "" {
		var ctx context.Context
		ctx, s.snapshot.end = context.WithCancel(context.Background())
		s.snapshot.ended = make(chan struct{})
		go s.keepSnapshot(ctx)
	}
	return s, nil
}

// Close stops the background work, writes the snapshot file, and closes the bus and the
// source. It waits for the file for 10 s at most.
func (s *Store) Close() error {
	s.closeSnapshot()
	err := errors.Join(s.memory.Close(), s.Decorator.Close())
	if bus, ok := s.cfg.bus.(io.Closer); ok {
		s.closeBus.Do(func() { err = errors.Join(err, bus.Close()) })
	}
	return err
}

// Ready returns a channel that is closed when the replica has tenants to serve for the
// first time: those of its snapshot file, or all of the source.
func (s *Store) Ready() <-chan struct{} { return s.phase.ready }

// Synced returns a channel that is closed when the replica has read all tenants and come
// to the end of the log for the first time.
func (s *Store) Synced() <-chan struct{} { return s.phase.synced }

// Await waits until reads of this process show the state at p, such as the Position of a
// tenant that another process has written and passed on in a cookie or a header: a client
// that writes on one node then reads its write on the next. ErrCompacted says that p is in
// a history that the database has lost, or is too old to be judged.
func (s *Store) Await(ctx context.Context, p tenancy.Position) error {
	_, err := follow.Call(ctx, &s.Decorator, "Await", func(ctx context.Context) (struct{}, error) {
		if s.isRefused() { // all reads go to the source
			return struct{}{}, nil
		}
		return struct{}{}, s.reader.Await(ctx, p)
	})
	return err
}

// All yields the tenants, in no particular order and without a lock. It yields every tenant
// that exists throughout the iteration, in its current state. If nothing may be served from
// memory, it ends with ErrUnavailable, and the tenants yielded before are incomplete.
func (s *Store) All() iter.Seq2[tenancy.Tenant, error] {
	return func(yield func(tenancy.Tenant, error) bool) {
		for r := range s.table.All() {
			if !s.reader.Serving() {
				break
			}
			if !yield(r.Tenant, nil) {
				return
			}
		}
		if err := s.unserved("All"); err != nil {
			yield(tenancy.Tenant{}, err)
		}
	}
}

// unserved fails if nothing may be served from memory. It is for reads that the source
// cannot answer.
func (s *Store) unserved(op string) error {
	if s.reader.Serving() {
		return nil
	}
	return &tenancy.Error{Op: op, Err: fmt.Errorf("%w: nothing is served from memory: see State", tenancy.ErrUnavailable)}
}

// holder is the replica as its writes see it ([follow.Holder]).
type holder struct{ *Store }

// Agrees reports whether the record of t as of the same change is equal.
func (h holder) Agrees(_ context.Context, t tenancy.Tenant) bool {
	r := h.table.Find(tenancy.IDKey(t.ID))
	return r == nil || r.Position() != t.Position() || r.Tenant == t
}

// Unfollowed has nothing to do: nothing is served until the log was read.
func (h holder) Unfollowed() {}

// Unlogged has all tenants read anew.
func (h holder) Unlogged(context.Context) {
	h.cfg.logger.Error("tenancy: the change log does not show a write; all tenants are read anew", "error", follow.ErrUnlogged)
	h.reader.Rescan()
}
