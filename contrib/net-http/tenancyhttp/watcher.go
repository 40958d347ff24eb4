package tenancyhttp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// The causes for which a Watcher ends a request, as [context.Cause] tells.
var (
	// ErrNotServed: the tenant is no longer served.
	ErrNotServed = errors.New("tenancyhttp: the tenant is no longer served")
	// ErrWatcherClosed: the Watcher was closed, or its store.
	ErrWatcherClosed = errors.New("tenancyhttp: the watcher is closed")
)

// Watcher ends long requests, such as WebSockets and event streams, when their
// tenant is no longer served. It follows the change log of a store in a goroutine
// of its own until Close. It is safe for concurrent use.
type Watcher struct {
	config  *config
	answers *answers
	source  tenancy.Source
	stop    context.CancelFunc
	stopped chan struct{}

	mu      sync.Mutex
	closed  bool
	seen    tenancy.Position                // no request is served on an older state than this
	streams map[string]map[*stream]struct{} // by the tenant's ID
}

// stream is a request that is watched.
type stream struct{ end context.CancelCauseFunc }

// NewWatcher returns a Watcher of store, which must be a [tenancy.Source], tiers
// and decorators included: else the error wraps [errors.ErrUnsupported]. Of the
// options, it uses those that say which statuses are served and how refusals are
// answered and logged; give it those of the middleware.
func NewWatcher(store tenancy.Store, opts ...Option) (*Watcher, error) {
	c := newConfig(opts)
	if c.err != nil {
		return nil, c.err
	}
	source, ok := tenancy.SourceOf(store)
	if !ok {
		return nil, &tenancy.Error{Op: "New", Err: fmt.Errorf("tenancyhttp: a watcher needs a change log: %w", errors.ErrUnsupported)}
	}
	ctx, stop := context.WithCancel(context.Background())
	w := &Watcher{
		config: c, answers: newAnswers(c), source: source, stop: stop,
		stopped: make(chan struct{}), streams: map[string]map[*stream]struct{}{},
	}
	go w.run(ctx)
	return w, nil
}

// Middleware watches the requests for next. It belongs behind [Middleware],
// around the handlers of long requests alone: each request costs a second lookup
// and some allocations. The request's context ends, with cause [ErrNotServed],
// soon after the tenant is suspended or removed; the handler must heed it, one
// that has hijacked the connection too. While the change log cannot be read,
// nothing ends. A request without a tenant is passed on as it is; after Close,
// others are answered 503.
func (w *Watcher) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		t, ok := tenancy.FromContext(r.Context())
		if !ok {
			next.ServeHTTP(rw, r)
			return
		}
		ctx, end := context.WithCancelCause(r.Context())
		defer end(nil)
		s := &stream{end}
		defer w.remove(t.ID, s)
		if d := w.admit(r.Context(), t.ID, s); d.outcome != OutcomeResolved {
			w.answers.refuse(rw, r, d)
			return
		}
		next.ServeHTTP(rw, r.WithContext(ctx))
	})
}

// Close ends the requests that are watched, with cause [ErrWatcherClosed], and
// waits for the goroutine. It returns nil.
func (w *Watcher) Close() error {
	w.stop()
	<-w.stopped
	return nil
}

// admit adds s, and looks whether its tenant is served still: what was committed
// before is in the answer, what comes after ends s.
func (w *Watcher) admit(ctx context.Context, id string, s *stream) decision {
	d := decision{outcome: OutcomeResolved, resolver: nameContext}
	seen, err := w.add(id, s)
	if err == nil {
		var snapshots []tenancy.Snapshot
		if snapshots, err = w.source.Load(ctx, []tenancy.Lookup{{Key: tenancy.IDKey(id), Min: seen.Revision}}); err == nil {
			if !snapshots[0].Found {
				d.outcome = OutcomeUnknown
			} else {
				d.outcome = w.config.status(snapshots[0].Tenant)
			}
			return d
		}
	}
	d.err = err
	d.outcome = outcomeOf(ctx, err)
	return d
}

func (w *Watcher) add(id string, s *stream) (tenancy.Position, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return tenancy.Position{}, fmt.Errorf("%w: %w", tenancy.ErrUnavailable, ErrWatcherClosed)
	}
	if w.streams[id] == nil {
		w.streams[id] = map[*stream]struct{}{}
	}
	w.streams[id][s] = struct{}{}
	return w.seen, nil
}

func (w *Watcher) remove(id string, s *stream) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.streams[id], s)
	if len(w.streams[id]) == 0 {
		delete(w.streams, id)
	}
}

// run follows the log until the watcher or the store is closed.
func (w *Watcher) run(ctx context.Context) {
	defer close(w.stopped)
	defer w.endAll()
	for {
		err := w.follow(ctx)
		if ctx.Err() != nil || errors.Is(err, tenancy.ErrClosed) {
			return
		}
		w.config.logger.WarnContext(ctx, "tenancyhttp: the change log cannot be followed; requests of tenants that are suspended now go on", "err", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second/2 + rand.N(time.Second)):
		}
	}
}

// follow begins at the head of the log, with a look at all tenants that are
// watched, and returns when that cannot go on.
func (w *Watcher) follow(ctx context.Context) error {
	head, err := w.source.Head(ctx)
	if err != nil {
		return err
	}
	if err := w.check(ctx, head.Newest, w.ids(head.Newest, "")); err != nil {
		return err
	}
	for change, err := range w.source.Watch(ctx, head.Newest) {
		switch {
		case errors.Is(err, tenancy.ErrUnavailable):
			continue // Watch goes on where it was
		case err != nil:
			return err
		}
		if err := w.check(ctx, change.Position, w.ids(change.Position, change.TenantID)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// ids returns the tenant, if it is watched, or all of them for "". From then on,
// no request begins on a state before at.
func (w *Watcher) ids(at tenancy.Position, id string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = at
	if id == "" {
		return slices.Collect(maps.Keys(w.streams))
	}
	if _, watched := w.streams[id]; watched {
		return []string{id}
	}
	return nil
}

// check ends the requests of those tenants that are not served as of at.
func (w *Watcher) check(ctx context.Context, at tenancy.Position, ids []string) error {
	for some := range slices.Chunk(ids, 1000) {
		want := make([]tenancy.Lookup, len(some))
		for i, id := range some {
			want[i] = tenancy.Lookup{Key: tenancy.IDKey(id), Min: at.Revision}
		}
		snapshots, err := w.source.Load(ctx, want)
		if err != nil {
			return err
		}
		for i, s := range snapshots {
			if !s.Found || w.config.status(s.Tenant) != OutcomeResolved {
				w.end(some[i], ErrNotServed)
			}
		}
	}
	return nil
}

func (w *Watcher) end(id string, cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for s := range w.streams[id] {
		s.end(cause)
	}
}

func (w *Watcher) endAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for _, streams := range w.streams {
		for s := range streams {
			s.end(ErrWatcherClosed)
		}
	}
}
