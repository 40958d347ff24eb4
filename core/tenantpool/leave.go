package tenantpool

import (
	"context"
	"errors"

	"github.com/go-tenancy/tenantstore/core/resolve"
)

// reason is why an entry must go.
type reason uint8

const (
	stays      reason = iota
	changed           // the tenant has another key
	notServed         // the tenant is not served, or is not the same, or nobody knows
	stale             // the change log could not be read for too long
	idle              // nobody has used the resource for some time
	evicted           // another tenant needs the room
	poolClosed        // the pool or the store was closed
	retried           // open has failed, and may be tried again
	unwanted          // there is no resource, and nobody waits for it
	reasons
)

// reasonOf is why the entry with the context must go.
func reasonOf(watch context.Context) reason {
	switch cause := context.Cause(watch); {
	case errors.Is(cause, resolve.ErrNotServed):
		return notServed
	case errors.Is(cause, resolve.ErrStale):
		return stale
	case errors.Is(cause, resolve.ErrWatcherClosed), errors.Is(cause, context.Canceled):
		return poolClosed
	}
	return changed // which also a caller may be the first to know
}

// dismiss makes e leave: it gives no lease any more, and its goroutine ends it. The caller
// has mu.
func (p *Pool[R]) dismiss(e *entry[R], why reason) {
	if e.left != stays {
		return
	}
	e.left = why
	close(e.leave)
	if p.entries[e.id] == e {
		delete(p.entries, e.id)
	}
	p.room.remove(e)
	if e.phase != open {
		return
	}
	p.counts.closed[why]++
	if e.leases == 0 {
		p.beginClose(e)
	}
}
