package tenantpool_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenantpool"
)

// server opens conns, and sees to it that there are never more than allowed.
type server struct {
	tb    testing.TB
	limit int

	mu     sync.Mutex
	opens  map[string]int // by the tenant's ID
	conns  int            // from the call of open to the end of close
	closed []*conn        // in their order
	down   map[string]error
	gates  map[string]chan struct{} // that an open or a close of the tenant waits for
}

// conn is the resource of a tenant.
type conn struct {
	url    string
	id     string
	closed bool
}

func newServer(tb testing.TB, limit int) *server {
	return &server{tb: tb, limit: limit, opens: map[string]int{}, down: map[string]error{}, gates: map[string]chan struct{}{}}
}

func (s *server) open(ctx context.Context, t tenancy.Tenant) (*conn, error) {
	s.mu.Lock()
	s.opens[t.ID]++
	if s.conns++; s.conns > s.limit {
		s.tb.Errorf("there are %d resources", s.conns)
	}
	gate, down := s.gates[t.ID], s.down[t.ID]
	s.mu.Unlock()
	if at, ok := tenancy.FromContext(ctx); !ok || at != t {
		s.tb.Errorf("the context of open has %v", at)
	}
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			down = context.Cause(ctx)
		}
	}
	if down != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.conns--
		return nil, down
	}
	return &conn{url: t.DatabaseURL.Reveal(), id: t.ID}, nil
}

func (s *server) close(c *conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns--
	if c.closed {
		s.tb.Errorf("%s is closed twice", c.url)
	}
	c.closed = true
	s.closed = append(s.closed, c)
	return nil
}

func (s *server) isClosed(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return c.closed
}

func (s *server) opened(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opens[id]
}

// gate makes opens of the tenant wait until the returned function is called.
func (s *server) gate(id string) (goOn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gate := make(chan struct{})
	s.gates[id] = gate
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.gates, id)
		close(gate)
	}
}

// fail makes opens of the tenant fail, or succeed if err is nil.
func (s *server) fail(id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down[id] = err
}

var errDown = errors.New("the database is down")

// newStore returns a store with n tenants, whose contexts it returns too.
func newStore(tb testing.TB, n int) (*memstore.Store, []context.Context) {
	tb.Helper()
	store := memstore.New()
	closing(tb, store)
	var contexts []context.Context
	for i := range n {
		t, err := store.Create(tb.Context(), tenancy.Tenant{
			Identifier: fmt.Sprintf("tenant%d", i), Name: "Tenant", DatabaseURL: tenancy.NewSecret(fmt.Sprintf("db://%d", i)),
		})
		if err != nil {
			tb.Fatal(err)
		}
		contexts = append(contexts, tenancy.NewContext(tb.Context(), t))
	}
	return store, contexts
}

func newPool(tb testing.TB, store tenancy.Store, s *server, opts ...tenantpool.Option) *tenantpool.Pool[*conn] {
	tb.Helper()
	opts = append([]tenantpool.Option{tenantpool.WithMax(s.limit), tenantpool.WithLogger(nil)}, opts...)
	p, err := tenantpool.New(store, s.open, s.close, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	closing(tb, p)
	return p
}

func closing(tb testing.TB, c io.Closer) {
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
	})
}

func idOf(ctx context.Context) string { return tenancy.MustFromContext(ctx).ID }

// mustGet returns a lease on the resource of the tenant in ctx.
func mustGet(tb testing.TB, p *tenantpool.Pool[*conn], ctx context.Context) tenantpool.Lease[*conn] { //nolint:revive // tb comes first
	tb.Helper()
	lease, err := p.Get(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	if lease.Resource().id != idOf(ctx) {
		tb.Errorf("a resource of tenant %s for %s", lease.Resource().id, idOf(ctx))
	}
	return lease
}

// edit changes the tenant of ctx, and returns a context with its new state.
func edit(tb testing.TB, store tenancy.Store, ctx context.Context, f func(*tenancy.Tenant)) context.Context { //nolint:revive // tb comes first
	tb.Helper()
	t, err := tenancy.Modify(ctx, store, idOf(ctx), func(t *tenancy.Tenant) error { f(t); return nil })
	if err != nil {
		tb.Fatal(err)
	}
	return tenancy.NewContext(tb.Context(), t)
}

func moveTo(url string) func(*tenancy.Tenant) {
	return func(t *tenancy.Tenant) { t.DatabaseURL = tenancy.NewSecret(url) }
}

func status(s tenancy.Status) func(*tenancy.Tenant) {
	return func(t *tenancy.Tenant) { t.Status = s }
}

func isDone(l *tenantpool.Lease[*conn]) bool {
	select {
	case <-l.Done():
		return true
	default:
		return false
	}
}
