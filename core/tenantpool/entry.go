package tenantpool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// entry is the resource of a tenant, from the lookup of the tenant to the end of close. A
// goroutine of its own (live) leads it from one phase to the next.
type entry[R any] struct {
	pool    *Pool[R]
	id      string
	ready   chan struct{} // closed at the end of phase starting
	leave   chan struct{} // closed by dismiss
	place   chan struct{} // closed when there is room for its resource
	drained chan struct{} // closed when close may begin

	// What is set before ready is closed, and read afterwards.
	resource R
	watch    context.Context // ended by the change log: what follows is not as of its tenant
	created  time.Time       // of the tenant
	status   tenancy.Status
	key      any
	err      error // why there is no resource

	// The pool's mu guards the rest.
	phase    phase
	newest   tenancy.Revision // of the tenant for which status and key are known to be these
	left     reason
	closing  bool // drained is closed
	waiters  int  // in phase starting
	leases   int
	used     uint64    // Pool.uses at the last lease
	ticks    int       // of the clock of WithIdle since the last lease
	failures int       // of open in succession
	retryAt  time.Time // in phase broken
}

type phase uint8

const (
	starting phase = iota // the tenant is looked up, there is no room, or open runs
	open                  // there is a resource; if it must go, left says why
	broken                // open has failed
)

func newEntry[R any](p *Pool[R], t *tenancy.Tenant, failures int) *entry[R] {
	return &entry[R]{
		pool: p, id: t.ID, created: t.CreatedAt, newest: t.Revision, failures: failures,
		ready: make(chan struct{}), leave: make(chan struct{}), place: make(chan struct{}), drained: make(chan struct{}),
	}
}

type fitness uint8

const (
	fits     fitness = iota
	outdated         // the tenant needs another resource, or none
	stranger         // the resource is of a tenant that has the ID since
)

// fit judges whether e, which is past its start, is for t, a tenant as a caller knows it. The
// caller has mu.
func (p *Pool[R]) fit(e *entry[R], t *tenancy.Tenant) fitness {
	same := t.CreatedAt.IsZero() || t.CreatedAt.Equal(e.created)
	switch {
	case e.watch.Err() != nil:
		return outdated
	case t.Revision <= e.newest && same:
		return fits
	case t.Revision <= e.newest:
		return stranger
	case same && t.Status == e.status && p.key(*t) == e.key:
		e.newest = t.Revision
		return fits
	}
	return outdated
}

// live leads e from the lookup of its tenant, of which t is a state, to the end.
func (p *Pool[R]) live(e *entry[R], t tenancy.Tenant) {
	defer p.end()
	watch, unwatch, d := p.watcher.Watch(p.ctx, t)
	defer unwatch()
	if d.Outcome != resolve.OutcomeResolved {
		p.refuse(e, d.Refusal())
		return
	}
	p.admit(watch, e, d.Tenant)
	if !p.waitForRoom(e) {
		p.refuse(e, errAgain)
		return
	}
	var err error
	if e.resource, err = p.tryOpen(watch, d.Tenant); err != nil {
		p.failure(e, err)
		return
	}
	if p.opened(e) {
		p.stay(e)
		p.waitForLeases(e)
	}
	p.close(e)
}

func (p *Pool[R]) admit(watch context.Context, e *entry[R], t tenancy.Tenant) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.watch, e.created, e.status, e.key, e.newest = watch, t.CreatedAt, t.Status, p.key(t), max(e.newest, t.Revision)
}

// refuse ends the start of e without a resource.
func (p *Pool[R]) refuse(e *entry[R], err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		err = errAgain // which the next attempt is told of
	}
	e.err = err
	p.dismiss(e, unwanted)
	close(e.ready)
}

var errPanic = errors.New("panic")

func (p *Pool[R]) tryOpen(ctx context.Context, t tenancy.Tenant) (resource R, err error) {
	ctx, cancel := context.WithTimeout(tenancy.NewContext(ctx, t), p.openTimeout)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errPanic, r)
		}
	}()
	return p.openResource(ctx, t)
}

// How long a failed open is not repeated: at first, at most, and when its failure is
// forgotten after that.
const (
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
	forget     = time.Minute
)

// failure ends the start of e, whose open has failed, and keeps it as broken.
func (p *Pool[R]) failure(e *entry[R], err error) {
	p.mu.Lock()
	p.room.opening--
	p.room.give()
	p.counts.openFailures++
	if e.watch.Err() != nil { // perhaps for that reason
		p.mu.Unlock()
		p.refuse(e, errAgain)
		return
	}
	wait := min(firstRetry<<min(e.failures, 10), lastRetry)
	e.phase, e.err, e.failures, e.retryAt = broken, fmt.Errorf("%w: %w", ErrOpen, err), e.failures+1, time.Now().Add(wait)
	close(e.ready)
	p.mu.Unlock()
	t := time.NewTimer(wait + forget)
	defer t.Stop()
	select {
	case <-t.C:
	case <-e.leave:
	case <-e.watch.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dismiss(e, retried)
}

// opened gives the resource to those who wait for it, unless it must go already.
func (p *Pool[R]) opened(e *entry[R]) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer close(e.ready)
	p.room.opening--
	p.counts.opened++
	if e.watch.Err() != nil {
		e.err = errAgain
		p.dismiss(e, reasonOf(e.watch))
		p.beginClose(e)
		return false
	}
	e.phase, e.failures = open, 0
	for ; e.waiters > 0; e.waiters-- {
		p.lease(e)
	}
	p.makeRoom()
	return true
}

// stay returns when the resource must go.
func (p *Pool[R]) stay(e *entry[R]) {
	var tick <-chan time.Time
	if p.idle > 0 {
		t := time.NewTicker((p.idle + 1) / 2)
		defer t.Stop()
		tick = t.C
	}
	for {
		select {
		case <-tick:
			p.tick(e)
			continue
		case <-e.watch.Done():
			p.mu.Lock()
			p.dismiss(e, reasonOf(e.watch))
			p.mu.Unlock()
		case <-e.leave:
		}
		return
	}
}

// tick is called twice within the time of WithIdle. Between the first tick without a lease
// and the third lies all of that time.
func (p *Pool[R]) tick(e *entry[R]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.leases > 0 {
		return
	}
	if e.ticks++; e.ticks == 3 {
		p.dismiss(e, idle)
	}
}

// waitForLeases returns when no lease is left, or after WithDrain.
func (p *Pool[R]) waitForLeases(e *entry[R]) {
	t := time.NewTimer(p.drain)
	defer t.Stop()
	select {
	case <-e.drained:
		return
	case <-t.C:
	}
	p.mu.Lock()
	forced := e.leases > 0
	if forced {
		p.counts.forced++
	}
	p.beginClose(e)
	p.mu.Unlock()
	if forced {
		p.logger.Warn("tenancy: a tenant's resource is closed while it is in use", tenancy.TenantIDKey, e.id, "drain", p.drain)
	}
}

// beginClose notes that the room of e will be free soon. The caller has mu.
func (p *Pool[R]) beginClose(e *entry[R]) {
	if !e.closing {
		e.closing = true
		p.room.closing++
		close(e.drained)
	}
}

func (p *Pool[R]) close(e *entry[R]) {
	err := p.tryClose(e.resource)
	p.mu.Lock()
	p.room.closing--
	p.room.give()
	p.mu.Unlock()
	if err != nil {
		p.logger.Warn("tenancy: a tenant's resource could not be closed", tenancy.TenantIDKey, e.id, "err", err)
	}
}

func (p *Pool[R]) tryClose(resource R) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errPanic, r)
		}
	}()
	return p.closeResource(resource)
}

// end is called when the goroutine of an entry ends.
func (p *Pool[R]) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.alive--; p.alive == 0 && p.closed {
		p.allGone()
	}
}
