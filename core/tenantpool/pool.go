package tenantpool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Pool has the resources of tenants. It is safe for concurrent use.
type Pool[R any] struct {
	config
	openResource  func(context.Context, tenancy.Tenant) (R, error)
	closeResource func(R) error
	watcher       *resolve.Watcher
	ctx           context.Context // ended by Close
	stop          context.CancelFunc
	gone          chan struct{} // closed when all entries have ended after Close

	mu      sync.Mutex
	closed  bool
	alive   int                  // entries whose goroutines have not ended
	entries map[string]*entry[R] // by the tenant's ID, without those that leave
	room    room[R]
	uses    uint64 // counts the calls of Get that got an open resource
	counts  counts
}

// New returns a pool of the tenants in store, which must be a [tenancy.Source], caches
// and decorators included: otherwise the error wraps [errors.ErrUnsupported]. It should be
// the store from which the tenants of requests come.
//
// open is called in a goroutine of its own. Its context has the tenant, ends after
// [WithOpenTimeout], and must not be kept. A resource that is returned after that is used all
// the same. closer is called once for each resource. It may be nil if nothing is to be closed.
func New[R any](store tenancy.Store, open func(ctx context.Context, t tenancy.Tenant) (R, error), closer func(R) error, opts ...Option) (*Pool[R], error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	if open == nil {
		return nil, invalid("the function that opens a resource is nil")
	}
	if closer == nil {
		closer = func(R) error { return nil }
	}
	watcher, err := resolve.NewWatcher(store, c.policy,
		resolve.WithKey(c.key), resolve.WithMaxStale(c.maxStale), resolve.WithLogger(c.logger))
	if err != nil {
		return nil, err
	}
	p := &Pool[R]{
		config: c, openResource: open, closeResource: closer, watcher: watcher,
		gone: make(chan struct{}), entries: map[string]*entry[R]{}, room: room[R]{free: c.max},
	}
	p.ctx, p.stop = context.WithCancel(context.Background())
	return p, nil
}

// Get returns a lease on the resource of the tenant in ctx. It opens the resource if it is
// not open, and waits for that until ctx ends; the open then goes on for the next caller. Whoever
// holds a lease should not call Get for another tenant: if all do, each waits for the others.
func (p *Pool[R]) Get(ctx context.Context) (Lease[R], error) {
	t, ok := tenancy.FromContext(ctx)
	if !ok {
		return Lease[R]{}, failed("", resolve.ErrAbsent)
	}
	p.mu.Lock()
	if e := p.entries[t.ID]; e != nil && e.phase == open && p.fit(e, &t) == fits {
		p.lease(e)
		p.counts.hits++
		p.mu.Unlock()
		return Lease[R]{e}, nil
	}
	p.mu.Unlock()
	return p.wait(ctx, &t)
}

// wait is Get where the resource is not open.
func (p *Pool[R]) wait(ctx context.Context, t *tenancy.Tenant) (Lease[R], error) {
	for {
		e, err := p.join(t)
		if err != nil {
			return Lease[R]{}, failed(t.ID, err)
		}
		select {
		case <-e.ready:
			err = p.take(e, t)
		case <-ctx.Done():
			err = p.abandon(e, ctx.Err())
		}
		switch {
		case err == nil:
			return Lease[R]{e}, nil
		case !errors.Is(err, errAgain):
			return Lease[R]{}, failed(t.ID, err)
		}
	}
}

// errAgain: an entry has ended for a reason that says nothing about the next one.
var errAgain = errors.New("again")

// join returns the entry for t, as one that waits for it until take or abandon.
func (p *Pool[R]) join(t *tenancy.Tenant) (*entry[R], error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, tenancy.ErrClosed
	}
	failures := 0
	e := p.entries[t.ID]
	if e != nil && e.phase != starting {
		switch p.fit(e, t) {
		case stranger:
			p.counts.refused++
			return nil, fmt.Errorf("%w: another tenant has its ID", resolve.ErrNotServed)
		case outdated:
			p.dismiss(e, reasonOf(e.watch))
			e = nil
		}
	}
	if e != nil && e.phase == broken {
		if wait := time.Until(e.retryAt); wait > 0 {
			p.counts.failed++
			return nil, fmt.Errorf("%w; the next attempt is in %v", e.err, wait.Round(time.Millisecond))
		}
		failures = e.failures
		p.dismiss(e, retried)
		e = nil
	}
	if e == nil {
		e = newEntry(p, t, failures)
		p.entries[t.ID] = e
		p.alive++
		go p.live(e, *t)
	}
	if e.phase == open {
		p.lease(e)
	} else {
		e.waiters++
	}
	return e, nil
}

// take returns nil if the caller, who has joined e, has a lease for t now.
func (p *Pool[R]) take(e *entry[R], t *tenancy.Tenant) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.phase != open {
		e.waiters--
		if e.phase == starting && (t.Revision > e.newest || !t.CreatedAt.Equal(e.created)) {
			return errAgain // it was another state of the tenant that was refused
		}
		switch {
		case errors.Is(e.err, resolve.ErrNotServed):
			p.counts.refused++
		case errors.Is(e.err, ErrOpen):
			p.counts.failed++
		}
		return e.err
	}
	switch p.fit(e, t) {
	case fits:
		p.counts.waited++
		return nil
	case outdated:
		p.dismiss(e, reasonOf(e.watch))
	}
	p.giveBack(e)
	return errAgain
}

// abandon is for a caller who has joined e and waits no longer. It returns the error.
func (p *Pool[R]) abandon(e *entry[R], cause error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.phase == open {
		p.giveBack(e)
		return cause
	}
	e.waiters--
	if !p.room.waits(e) {
		return cause
	}
	p.counts.exhausted++
	if e.waiters == 0 {
		p.dismiss(e, unwanted)
	}
	return fmt.Errorf("%w: %w", ErrExhausted, cause)
}

// lease gives a lease on e, which is open. The caller has mu.
func (p *Pool[R]) lease(e *entry[R]) {
	e.leases++
	e.ticks = 0
	p.uses++
	e.used = p.uses
}

func (p *Pool[R]) release(e *entry[R]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.giveBack(e)
}

// giveBack ends a lease. The caller has mu.
func (p *Pool[R]) giveBack(e *entry[R]) {
	e.leases--
	switch {
	case e.leases > 0:
	case e.left != stays:
		p.beginClose(e)
	default:
		p.makeRoom()
	}
}

func failed(id string, err error) error { return &tenancy.Error{Op: "Get", ID: id, Err: err} }

// Close closes all resources, as soon as their leases were released or [WithDrain] is over,
// and waits for that, for twice that time and a second at most: then the error says how many are
// not closed yet. Get fails with [tenancy.ErrClosed]. Close the pool before its store.
func (p *Pool[R]) Close() error {
	p.mu.Lock()
	p.closed = true
	if p.alive == 0 {
		p.allGone()
	}
	p.mu.Unlock()
	p.stop()
	err := p.watcher.Close()
	patience := time.NewTimer(2*p.drain + time.Second)
	defer patience.Stop()
	select {
	case <-p.gone:
	case <-patience.C:
		p.mu.Lock()
		defer p.mu.Unlock()
		return cmp.Or(err, fmt.Errorf("tenantpool: %d resources are not closed yet", p.alive))
	}
	return err
}

// allGone is called when the last entry has ended after Close. The caller has mu.
func (p *Pool[R]) allGone() {
	select {
	case <-p.gone:
	default:
		close(p.gone)
	}
}
