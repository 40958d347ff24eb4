package tenancyhttp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// The causes for which a Watcher ends a request, as [context.Cause] tells.
var (
	// ErrNotServed: the tenant is no longer served, or was not for a moment.
	ErrNotServed = errors.New("tenancyhttp: the tenant is no longer served")
	// ErrStale: for so long has the change log not been read that the tenant may no
	// longer be served; see [WithMaxStale].
	ErrStale = errors.New("tenancyhttp: whether the tenant is still served is not known")
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

	mu       sync.Mutex
	refusing error // why no request is watched: nil, ErrStale or ErrWatcherClosed
	blind    bool  // the log cannot be read; logged once
	stale    *time.Timer
	// The changes up to seen have ended what they had to end. A new round begins
	// where the log did not go on.
	seen    tenancy.Position
	round   int
	streams map[string]map[*stream]struct{} // by the tenant's ID
}

// stream is a request that is watched. The mutex of its Watcher guards it.
type stream struct {
	end     context.CancelCauseFunc
	created time.Time        // of the tenant: another that has its ID is not this one
	from    tenancy.Revision // changes up to this one do not concern the stream
	at      tenancy.Position // of the last change of the tenant: it is served as of that
	round   int
}

// NewWatcher returns a Watcher of store, which must be a [tenancy.Source], tiers
// and decorators included: else the error wraps [errors.ErrUnsupported]. Of the
// options, it uses [WithMaxStale], and those that say which statuses are served and how
// refusals are answered and logged; give it those of the middleware.
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
	if c.maxStale > 0 {
		w.stale = time.AfterFunc(c.maxStale, func() { w.endAll(ErrStale) })
	}
	go w.run(ctx)
	return w, nil
}

// Middleware watches the requests for next. It belongs behind [Middleware],
// around the handlers of long requests alone: each request costs a second lookup
// and some allocations. The request's context ends, with cause [ErrNotServed],
// soon after the change log says that the tenant's status was changed, to whatever, or
// that the tenant was removed or got another ID; the handler must heed it, one that
// has hijacked the connection too. It ends with cause [ErrStale] when the log could not
// be read for too long. Where changes were lost (the log was trimmed before they were
// read, or the database restored), a request goes on if its tenant is the very state
// of it that was served. A request without a tenant is passed on as it is; others are
// answered 503 after Close, and while the log was not read for too long.
func (w *Watcher) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		t, ok := tenancy.FromContext(r.Context())
		if !ok {
			next.ServeHTTP(rw, r)
			return
		}
		ctx, end := context.WithCancelCause(r.Context())
		defer end(nil)
		s := &stream{end: end, created: t.CreatedAt}
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

// admit looks whether the tenant is served still, and adds s: what was committed
// before is in the answer, what comes after ends s.
func (w *Watcher) admit(ctx context.Context, id string, s *stream) decision {
	d := decision{resolver: nameContext}
	for {
		seen, err := w.begin(s)
		var snapshots []tenancy.Snapshot
		if err == nil {
			snapshots, err = w.load(ctx, []string{id}, seen)
		}
		if err != nil {
			d.err = err
			d.outcome = outcomeOf(ctx, err)
			return d
		}
		d.outcome = w.judge(snapshots[0], s)
		if d.outcome != OutcomeResolved || w.add(id, s, snapshots[0]) {
			return d
		}
	}
}

// judge says whether a request of s may be served as of the snapshot.
func (w *Watcher) judge(snapshot tenancy.Snapshot, s *stream) Outcome {
	if !snapshot.Found || !s.created.IsZero() && !snapshot.Tenant.CreatedAt.Equal(s.created) {
		return OutcomeUnknown
	}
	return w.config.status(snapshot.Tenant)
}

// begin returns as of when the tenant of s must be known.
func (w *Watcher) begin(s *stream) (tenancy.Revision, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refusing != nil {
		return 0, fmt.Errorf("%w: %w", tenancy.ErrUnavailable, w.refusing)
	}
	s.round = w.round
	return w.seen.Revision, nil
}

// add watches s as of the snapshot, unless changes after that have been seen already.
func (w *Watcher) add(id string, s *stream, snapshot tenancy.Snapshot) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refusing != nil || s.round != w.round || w.seen.Revision > snapshot.AsOf.Revision {
		return false
	}
	s.created = snapshot.Tenant.CreatedAt
	s.from, s.at = snapshot.AsOf.Revision, snapshot.Tenant.Position()
	if w.streams[id] == nil {
		w.streams[id] = map[*stream]struct{}{}
	}
	w.streams[id][s] = struct{}{}
	return true
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
	err := tenancy.Follow(ctx, w.source, tenancy.ChangeHandler{Sync: w.sync, Change: w.change, Contact: w.contact})
	if ctx.Err() == nil && !errors.Is(err, tenancy.ErrClosed) {
		w.config.logger.ErrorContext(ctx, "tenancyhttp: the watcher ends, and with it the requests that it watched", "err", err)
	}
	if w.stale != nil {
		w.stale.Stop()
	}
	w.endAll(ErrWatcherClosed)
}

// sync ends the requests of tenants that were changed since nobody knows what became
// of them.
func (w *Watcher) sync(ctx context.Context, at tenancy.Position) error {
	w.mu.Lock()
	w.seen = at
	w.round++
	ids := slices.Collect(maps.Keys(w.streams))
	w.mu.Unlock()
	return w.look(ctx, at, ids, func(s *stream, now tenancy.Snapshot) {
		switch {
		case s.round == w.round: // it came after at
		case now.Found && now.Tenant.Position() == s.at:
			s.round, s.from = w.round, now.AsOf.Revision
		default:
			s.end(ErrNotServed)
		}
	})
}

// change ends the requests that c concerns, as c alone says, so that it is the same on
// every node, however late one is.
func (w *Watcher) change(ctx context.Context, c tenancy.Change) error {
	w.mu.Lock()
	w.seen = c.Position
	var unsure []string
	for _, id := range c.TenantIDs() {
		streams := w.streams[id]
		if len(streams) > 0 && len(c.Fields) == 0 && c.Op == tenancy.OpUpdate {
			unsure = append(unsure, id) // it changed nothing, or its author has not said what
		}
		for s := range streams {
			switch {
			case c.Position.Revision <= s.from:
			case interrupts(c, id):
				s.end(ErrNotServed)
			default:
				s.at = c.Position
			}
		}
	}
	w.mu.Unlock()
	return w.look(ctx, c.Position, unsure, func(s *stream, now tenancy.Snapshot) {
		if c.Position.Revision > s.from && w.judge(now, s) != OutcomeResolved {
			s.end(ErrNotServed)
		}
	})
}

// interrupts reports whether the tenant with the ID was perhaps not served, or not
// this tenant, at c or right before it.
func interrupts(c tenancy.Change, id string) bool {
	return c.Op != tenancy.OpUpdate || c.TenantID != id ||
		slices.Contains(c.Fields, "id") || slices.Contains(c.Fields, "status")
}

// loadTimeout bounds a load, for which a client waits, or other requests that should
// end.
const loadTimeout = 10 * time.Second

// load returns what is stored under the IDs as of the revision or later.
func (w *Watcher) load(ctx context.Context, ids []string, least tenancy.Revision) ([]tenancy.Snapshot, error) {
	want := make([]tenancy.Lookup, len(ids))
	for i, id := range ids {
		want[i] = tenancy.Lookup{Key: tenancy.IDKey(id), Min: least}
	}
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	return w.source.Load(ctx, want)
}

// look calls do for every stream of the tenants, with what is stored as of at or later.
func (w *Watcher) look(ctx context.Context, at tenancy.Position, ids []string, do func(*stream, tenancy.Snapshot)) error {
	for some := range slices.Chunk(ids, 1000) {
		snapshots, err := w.load(ctx, some, at.Revision)
		if err != nil {
			return err
		}
		w.mu.Lock()
		for i, snapshot := range snapshots {
			for s := range w.streams[some[i]] {
				do(s, snapshot)
			}
		}
		w.mu.Unlock()
	}
	return nil
}

// contact is told by Follow whether the log can be read.
func (w *Watcher) contact(err error) {
	w.mu.Lock()
	changed := w.blind != (err != nil)
	w.blind = err != nil
	if err == nil {
		w.refusing = nil
		if w.stale != nil {
			w.stale.Reset(w.config.maxStale)
		}
	}
	w.mu.Unlock()
	switch {
	case changed && err != nil:
		w.config.logger.Warn("tenancyhttp: the change log cannot be followed; requests of tenants that are suspended now go on until it can, or MaxStale is over",
			"err", err, "max_stale", w.config.maxStale)
	case changed:
		w.config.logger.Info("tenancyhttp: the change log can be followed again")
	}
}

// endAll ends what is watched, and refuses what comes.
func (w *Watcher) endAll(cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if errors.Is(w.refusing, ErrWatcherClosed) {
		return
	}
	w.refusing = cause
	for _, streams := range w.streams {
		for s := range streams {
			s.end(cause)
		}
	}
}
