package replica

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/internal/table"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// handler is a function that is called for changes, with the queue of those for which it
// has not been called yet.
type handler struct {
	f     func(before, after *tenancy.Tenant)
	wake  chan struct{} // has room for one
	mu    sync.Mutex
	known map[string]*table.Record // what f knows of each tenant in the queue; nil for nothing
	queue []string                 // IDs, in the order of their first change
}

// OnChange registers f to be called for each tenant that changes from now on, one call at a
// time, in the order in which the tenants first changed in the log. before is the tenant as
// it was at the last call for it, or when OnChange was called, nil if there was none; after
// is the tenant as it is now, nil if it is gone. A tenant that changes several times before
// its turn is passed once, in its latest state: f sees states, not events. If OnChange is
// called before the replica is synced, f gets every tenant. f may be slow and may call the
// replica; it delays nothing. After stop has returned, f is not called again; a call under
// way may continue. So it is after Close, which f may call, and which does not wait for f.
// OnChange panics if f is nil.
func (s *Store) OnChange(f func(before, after *tenancy.Tenant)) (stop func()) {
	if f == nil {
		panic("replica: the function to call for changes is nil") //nolint:forbidigo // as http.ServeMux.Handle does
	}
	h := &handler{f: f, wake: make(chan struct{}, 1), known: map[string]*table.Record{}}
	s.mu.Lock()
	s.handlers = append(slices.Clip(s.handlers), h)
	select {
	case <-s.Synced():
	default:
		for r := range s.table.All() { // of the snapshot file, or of the scan so far
			h.changed(nil, r)
		}
	}
	s.mu.Unlock()
	done := make(chan struct{})
	follow.Calls(&s.Decorator).Go(func(ctx context.Context) { h.run(ctx, done, s) })
	return sync.OnceFunc(func() {
		s.mu.Lock()
		s.handlers = slices.DeleteFunc(slices.Clone(s.handlers), func(other *handler) bool { return other == h })
		s.mu.Unlock()
		close(done)
	})
}

// changed queues a change. It does not block.
func (h *handler) changed(before, after *table.Record) {
	id := cmp.Or(before, after).ID
	h.mu.Lock()
	if _, queued := h.known[id]; !queued {
		h.known[id] = before
		h.queue = append(h.queue, id)
	}
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// forget empties the queue: nothing is known of its tenants any more.
func (h *handler) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.known)
	h.queue = nil
}

// next returns what f knows of the tenant whose turn it is, and what there is now. The
// caller has the Store's mu.
func (h *handler) next(t *table.Table) (before, after *table.Record, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.queue) == 0 {
		return nil, nil, false
	}
	id := h.queue[0]
	h.queue = h.queue[1:]
	before = h.known[id]
	delete(h.known, id)
	after = t.Find(tenancy.IDKey(id))
	return before, after, true
}

func (h *handler) run(ctx context.Context, done <-chan struct{}, s *Store) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-done:
			return
		default:
		}
		s.mu.RLock()
		before, after, ok := h.next(s.table)
		s.mu.RUnlock()
		switch {
		case !ok:
			select {
			case <-ctx.Done():
			case <-done:
			case <-h.wake:
			}
		case after != before:
			h.call(ctx, tenantOf(before), tenantOf(after))
		}
	}
}

// call calls f, and waits for it until ctx ends: Close does not wait for f, which may have
// called it.
func (h *handler) call(ctx context.Context, before, after *tenancy.Tenant) {
	called := make(chan struct{})
	go func() {
		defer close(called)
		h.f(before, after)
	}()
	select {
	case <-called:
	case <-ctx.Done():
	}
}

func tenantOf(r *table.Record) *tenancy.Tenant {
	if r == nil {
		return nil
	}
	t := r.Tenant
	return &t
}
