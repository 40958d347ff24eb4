package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-tenancy/tenantstore/core/internal/nilvalue"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// late is a source that is opened in the background.
type late struct {
	tenancy.Decorator // overridden as a whole
	opened            atomic.Pointer[tenancy.Source]
	failure           atomic.Pointer[error] // of the last attempt
	ready             chan struct{}         // closed when it is opened
	first             chan error            // the result of the first attempt
	end               context.CancelFunc
	ended             chan struct{} // closed when nothing is opened any more
	mu                sync.Mutex
	closed            bool // what is opened from now on is closed at once
}

var _ tenancy.Source = (*late)(nil)

func openLate(open func(context.Context) (tenancy.Source, error), logger *slog.Logger) *late {
	ctx, cancel := context.WithCancel(context.Background())
	s := &late{ready: make(chan struct{}), first: make(chan error, 1), end: cancel, ended: make(chan struct{})}
	go s.run(ctx, open, logger)
	return s
}

func (s *late) run(ctx context.Context, open func(context.Context) (tenancy.Source, error), logger *slog.Logger) {
	defer close(s.ended)
	for attempt := 1; ctx.Err() == nil; attempt++ {
		source, err := openSource(ctx, open)
		if err != nil {
			s.failure.Store(&err)
		} else if err = s.keep(source); err == nil {
			close(s.ready)
		}
		if attempt == 1 {
			s.first <- err
		}
		switch {
		case err == nil && attempt > 1:
			logger.Info("tenancy: the source of the replica is open")
			return
		case err == nil:
			return
		case attempt == 1:
			logger.Warn("tenancy: the source of the replica cannot be opened; retrying", "error", err)
		}
		sleep(ctx, openPause+rand.N(openPause/4))
	}
}

// openSource opens a source, and closes what is none.
func openSource(ctx context.Context, open func(context.Context) (tenancy.Source, error)) (tenancy.Source, error) {
	source, err := open(ctx)
	if err != nil {
		return nil, err
	}
	if nilvalue.Is(source) {
		return nil, invalid("the source that was opened is nil")
	}
	if _, ok := tenancy.SourceOf(source); !ok {
		err = fmt.Errorf("%w: replica: what was opened is no tenancy.Source", errors.ErrUnsupported)
		return nil, errors.Join(err, source.Close())
	}
	return source, nil
}

// keep keeps what was opened, or closes it if nobody waits for it any more.
func (s *late) keep(source tenancy.Source) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.Join(tenancy.ErrClosed, source.Close())
	}
	s.opened.Store(&source)
	return nil
}

// ask has the source answer, if it is open. Nothing was applied otherwise.
func ask[T any](s *late, do func(tenancy.Source) (T, error)) (T, error) {
	if source := s.opened.Load(); source != nil {
		return do(*source)
	}
	var none T
	err := fmt.Errorf("%w: %w: the source is not open yet", tenancy.ErrUnavailable, tenancy.ErrNotApplied)
	if failure := s.failure.Load(); failure != nil {
		err = fmt.Errorf("%w: %w", err, *failure)
	}
	return none, err
}

// Below returns the source, or nil.
func (s *late) Below() tenancy.Store {
	if source := s.opened.Load(); source != nil {
		return *source
	}
	return nil
}

// HasSource reports that the source is one, which New has checked.
func (s *late) HasSource() bool { return true }

// HasNames reports whether the source has names. Nobody knows before it is open; a
// middleware that needs them must not fail for that when the process starts.
func (s *late) HasNames() bool {
	source := s.opened.Load()
	return source == nil || tenancy.HasNames(*source)
}

// Close waits for an open that is under way, but not for one that ignores the end of its
// context.
func (s *late) Close() error {
	s.end()
	patience := time.NewTimer(openPause)
	defer patience.Stop()
	select {
	case <-s.ended:
	case <-patience.C:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if source := s.opened.Load(); source != nil {
		return (*source).Close()
	}
	return nil
}

func (s *late) Wait(ctx context.Context, after tenancy.Position) error {
	if source := s.opened.Load(); source != nil {
		return (*source).Wait(ctx, after)
	}
	select {
	case <-s.ready:
	case <-time.After(openPause):
	case <-ctx.Done():
	}
	return ctx.Err()
}

func (s *late) GetByID(ctx context.Context, id string) (tenancy.Tenant, error) {
	return ask(s, func(s tenancy.Source) (tenancy.Tenant, error) { return s.GetByID(ctx, id) })
}

func (s *late) GetByIdentifier(ctx context.Context, identifier string) (tenancy.Tenant, error) {
	return ask(s, func(s tenancy.Source) (tenancy.Tenant, error) { return s.GetByIdentifier(ctx, identifier) })
}

func (s *late) GetByIDs(ctx context.Context, ids []string) ([]tenancy.Tenant, error) {
	return ask(s, func(s tenancy.Source) ([]tenancy.Tenant, error) { return s.GetByIDs(ctx, ids) })
}

func (s *late) Exists(ctx context.Context, id string) (bool, error) {
	return ask(s, func(s tenancy.Source) (bool, error) { return s.Exists(ctx, id) })
}

func (s *late) List(ctx context.Context, opts tenancy.ListOptions) (tenancy.Page, error) {
	return ask(s, func(s tenancy.Source) (tenancy.Page, error) { return s.List(ctx, opts) })
}

func (s *late) Count(ctx context.Context, filter tenancy.Filter) (int, error) {
	return ask(s, func(s tenancy.Source) (int, error) { return s.Count(ctx, filter) })
}

func (s *late) Search(ctx context.Context, query string, opts tenancy.SearchOptions) ([]tenancy.Tenant, error) {
	return ask(s, func(s tenancy.Source) ([]tenancy.Tenant, error) { return s.Search(ctx, query, opts) })
}

func (s *late) Create(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return ask(s, func(s tenancy.Source) (tenancy.Tenant, error) { return s.Create(ctx, t) })
}

func (s *late) CreateBatch(ctx context.Context, ts []tenancy.Tenant) ([]tenancy.CreateResult, error) {
	return ask(s, func(s tenancy.Source) ([]tenancy.CreateResult, error) { return s.CreateBatch(ctx, ts) })
}

func (s *late) Update(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	return ask(s, func(s tenancy.Source) (tenancy.Tenant, error) { return s.Update(ctx, t) })
}

func (s *late) SetStatus(ctx context.Context, id string, status tenancy.Status) (tenancy.Tenant, error) {
	return ask(s, func(s tenancy.Source) (tenancy.Tenant, error) { return s.SetStatus(ctx, id, status) })
}

func (s *late) BulkUpdateStatus(ctx context.Context, ids []string, status tenancy.Status) ([]tenancy.Tenant, error) {
	return ask(s, func(s tenancy.Source) ([]tenancy.Tenant, error) { return s.BulkUpdateStatus(ctx, ids, status) })
}

func (s *late) UpdateMetadata(ctx context.Context, id string, patch tenancy.Metadata) (tenancy.Tenant, error) {
	return ask(s, func(s tenancy.Source) (tenancy.Tenant, error) { return s.UpdateMetadata(ctx, id, patch) })
}

func (s *late) Delete(ctx context.Context, id string) error {
	_, err := ask(s, func(s tenancy.Source) (struct{}, error) { return struct{}{}, s.Delete(ctx, id) })
	return err
}

func (s *late) Purge(ctx context.Context, id string) error {
	_, err := ask(s, func(s tenancy.Source) (struct{}, error) { return struct{}{}, s.Purge(ctx, id) })
	return err
}

func (s *late) GetByDomain(ctx context.Context, domain string) (tenancy.Tenant, error) {
	return ask(s, func(s tenancy.Source) (tenancy.Tenant, error) { return s.GetByDomain(ctx, domain) })
}

func (s *late) FormerOwner(ctx context.Context, identifier string) (tenancy.Tenant, error) {
	return ask(s, func(s tenancy.Source) (tenancy.Tenant, error) { return s.FormerOwner(ctx, identifier) })
}

func (s *late) NamesOf(ctx context.Context, id string) ([]tenancy.Name, error) {
	return ask(s, func(s tenancy.Source) ([]tenancy.Name, error) { return s.NamesOf(ctx, id) })
}

func (s *late) ListNames(ctx context.Context, after tenancy.TenantName, limit int) (tenancy.NamePage, error) {
	return ask(s, func(s tenancy.Source) (tenancy.NamePage, error) { return s.ListNames(ctx, after, limit) })
}

func (s *late) AddDomain(ctx context.Context, id, domain string) (tenancy.Name, error) {
	return ask(s, func(s tenancy.Source) (tenancy.Name, error) { return s.AddDomain(ctx, id, domain) })
}

func (s *late) VerifyDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return ask(s, func(s tenancy.Source) (tenancy.Tenant, error) { return s.VerifyDomain(ctx, id, domain) })
}

func (s *late) SetPrimaryDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return ask(s, func(s tenancy.Source) (tenancy.Tenant, error) { return s.SetPrimaryDomain(ctx, id, domain) })
}

func (s *late) RemoveDomain(ctx context.Context, id, domain string) (tenancy.Tenant, error) {
	return ask(s, func(s tenancy.Source) (tenancy.Tenant, error) { return s.RemoveDomain(ctx, id, domain) })
}

func (s *late) Load(ctx context.Context, want []tenancy.Lookup) ([]tenancy.Versioned, error) {
	return ask(s, func(s tenancy.Source) ([]tenancy.Versioned, error) { return s.Load(ctx, want) })
}

func (s *late) Bounds(ctx context.Context) (tenancy.Bounds, error) {
	return ask(s, func(s tenancy.Source) (tenancy.Bounds, error) { return s.Bounds(ctx) })
}

func (s *late) Changes(ctx context.Context, after tenancy.Position, limit int) ([]tenancy.Change, error) {
	return ask(s, func(s tenancy.Source) ([]tenancy.Change, error) { return s.Changes(ctx, after, limit) })
}
