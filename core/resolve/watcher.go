package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-tenancy/tenantstore/core/internal/nilvalue"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// The causes for which a Watcher ends a context, as [context.Cause] tells.
var (
	// ErrNotServed: the tenant is no longer served, or was not for a moment. [Decision].Refusal
	// wraps it, too.
	ErrNotServed = errors.New("the tenant is no longer served")
	// ErrChanged: the tenant's key, as [WithKey] defines it, is another one now.
	ErrChanged = errors.New("the tenant has changed")
	// ErrStale: the change log has not been read for so long that the tenant may no
	// longer be served; see [WithMaxStale].
	ErrStale = errors.New("whether the tenant is still served is not known")
	// ErrWatcherClosed: the Watcher was closed, or its store.
	ErrWatcherClosed = errors.New("the watcher is closed")
)

// Watcher tells long-running work, such as WebSockets, event streams and jobs, when
// its tenant is no longer served. It follows the change log of a store in a goroutine
// of its own until Close. It is safe for concurrent use.
type Watcher struct {
	policy   Policy
	logger   *slog.Logger
	maxStale time.Duration
	key      func(tenancy.Tenant) any // nil if only the status matters
	source   tenancy.Source
	stop     context.CancelFunc
	stopped  chan struct{}
	// started is closed when the log was read for the first time, or could not be.
	// Before, no change can be told from one that was lost.
	started chan struct{}
	start   func() // closes started, once

	mu       sync.Mutex
	refusing error // why nothing is watched: nil, ErrStale or ErrWatcherClosed
	blind    bool  // the log cannot be read; logged once
	stale    *time.Timer
	// The changes up to seen have ended what they had to end. A new round begins
	// where the log did not go on.
	seen    tenancy.Position
	round   int
	streams map[string]map[*stream]struct{} // by the tenant's ID
}

// stream is work that is watched. The mutex of its Watcher guards it.
type stream struct {
	end     context.CancelCauseFunc
	created time.Time        // of the tenant: another that has its ID is not this one
	from    tenancy.Revision // changes up to this one do not concern the stream
	at      tenancy.Position // of the last change of the tenant: it is served as of that
	key     any
	round   int
}

// DefaultMaxStale is for how long a Watcher lets work go on while the change log cannot
// be read, unless [WithMaxStale] says otherwise.
const DefaultMaxStale = 5 * time.Minute

// Option configures [NewWatcher].
type Option interface{ apply(*Watcher) error }

type option func(*Watcher) error

func (o option) apply(w *Watcher) error { return o(w) }

// WithMaxStale sets how long work goes on while the change log cannot be read. A
// negative duration means for ever: then an outage of the database never ends it, not
// even that of tenants that are suspended meanwhile. It should be a multiple of the
// store's poll interval, and is best that of the store's tiers.
func WithMaxStale(d time.Duration) Option {
	return option(func(w *Watcher) error {
		if d == 0 {
			return wrongArgument("WithMaxStale: it must not be 0, at which everything ends")
		}
		w.maxStale = d
		return nil
	})
}

// WithKey ends the work for a tenant, with cause [ErrChanged], also when key returns
// another value for it: for work that depends on more than the status, such as the tenant's
// database. The values must be comparable. Each change of a watched tenant then costs a lookup.
func WithKey(key func(tenancy.Tenant) any) Option {
	return option(func(w *Watcher) error {
		if key == nil {
			return wrongArgument("WithKey: the function is nil")
		}
		w.key = key
		return nil
	})
}

// WithLogger sets where it is logged that the change log cannot be followed, and that
// it can be again. slog.Default() unless set; nil logs nothing.
func WithLogger(l *slog.Logger) Option {
	return option(func(w *Watcher) error {
		if l == nil {
			l = slog.New(slog.DiscardHandler)
		}
		w.logger = l
		return nil
	})
}

func wrongArgument(text string) error {
	return &tenancy.Error{Op: "NewWatcher", Err: fmt.Errorf("%w: %s", tenancy.ErrInvalid, text)}
}

// NewWatcher returns a Watcher of store, which must be a [tenancy.Source], tiers
// and decorators included: else the error wraps [errors.ErrUnsupported]. The policy
// should be the one by which requests are served. With a wrong argument, the error
// wraps [tenancy.ErrInvalid].
func NewWatcher(store tenancy.Store, p Policy, opts ...Option) (*Watcher, error) {
	if nilvalue.Is(store) {
		return nil, wrongArgument("the store is nil")
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	w := &Watcher{
		policy: p, logger: slog.Default(), maxStale: DefaultMaxStale,
		stopped: make(chan struct{}), started: make(chan struct{}), streams: map[string]map[*stream]struct{}{},
	}
	w.start = sync.OnceFunc(func() { close(w.started) })
	for _, o := range opts {
		if o == nil {
			return nil, wrongArgument("an option is nil")
		}
		if err := o.apply(w); err != nil {
			return nil, err
		}
	}
	var ok bool
	if w.source, ok = tenancy.SourceOf(store); !ok {
		return nil, &tenancy.Error{Op: "NewWatcher", Err: fmt.Errorf("the store has no change log: %w", errors.ErrUnsupported)}
	}
	var ctx context.Context
	ctx, w.stop = context.WithCancel(context.Background())
	if w.maxStale > 0 {
		w.stale = time.AfterFunc(w.maxStale, func() { w.endAll(ErrStale) })
	}
	go w.run(ctx)
	return w, nil
}

// Watch returns a copy of ctx that ends when t is no longer served, and a function
// that ends it and must be called when the work is done. The decision says whether t
// is served now: a watched tenant costs a lookup. If its Outcome is not
// [OutcomeResolved], the context has ended already. Right after NewWatcher, Watch waits
// until the log was read, or could not be.
//
// The context ends, with cause [ErrNotServed], soon after the change log says that the
// tenant's status was changed, to whatever, or that the tenant was removed or got
// another ID; and with cause [ErrChanged] as [WithKey] says. It ends with cause [ErrStale] when the log could not be read for too
// long; until it can be again, tenants are not served. Where changes were lost (the log
// was trimmed before they were read, or the database restored), work goes on if its
// tenant is the very state of it that was served.
func (w *Watcher) Watch(ctx context.Context, t tenancy.Tenant) (context.Context, context.CancelFunc, Decision) {
	ctx, end := context.WithCancelCause(ctx)
	s := &stream{end: end, created: t.CreatedAt}
	d := w.admit(ctx, t.ID, s)
	if d.Outcome != OutcomeResolved {
		end(cmp.Or(d.Err, ErrNotServed))
	}
	return ctx, func() {
		end(nil)
		w.remove(t.ID, s)
	}, d
}

// Close ends what is watched, with cause [ErrWatcherClosed], and waits for the
// goroutine. It returns nil.
func (w *Watcher) Close() error {
	w.stop()
	<-w.stopped
	return nil
}

// admit looks whether the tenant is served still, and adds s: what was committed
// before is in the answer, what comes after ends s.
func (w *Watcher) admit(ctx context.Context, id string, s *stream) Decision {
	select {
	case <-w.started:
	case <-ctx.Done(): // which load says
	}
	for {
		seen, err := w.begin(s)
		var snapshots []tenancy.Versioned
		if err == nil {
			snapshots, err = w.load(ctx, []string{id}, seen)
		}
		d := Decision{Resolver: NameContext, FromContext: true, Err: err}
		if err != nil {
			d.Outcome = outcomeOf(ctx, err)
		} else {
			d.Outcome = w.judge(&snapshots[0], s)
		}
		d.Shown = w.policy.shown(d.Outcome, false)
		if d.Outcome != OutcomeResolved {
			return d
		}
		if w.add(id, s, &snapshots[0]) {
			d.Tenant = snapshots[0].Tenant
			return d
		}
	}
}

// judge says whether the tenant of s is served as of the snapshot.
func (w *Watcher) judge(snapshot *tenancy.Versioned, s *stream) Outcome {
	if !snapshot.Found || !s.created.IsZero() && !snapshot.Tenant.CreatedAt.Equal(s.created) {
		return OutcomeUnknown
	}
	return w.policy.outcome(&snapshot.Tenant)
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
func (w *Watcher) add(id string, s *stream, snapshot *tenancy.Versioned) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refusing != nil || s.round != w.round || w.seen.Revision > snapshot.AsOf.Revision {
		return false
	}
	s.created = snapshot.Tenant.CreatedAt
	s.from, s.at = snapshot.AsOf.Revision, snapshot.Tenant.Position()
	if w.key != nil {
		s.key = w.key(snapshot.Tenant)
	}
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

// loadTimeout bounds a load, for which a client waits, or other requests that should
// end.
const loadTimeout = 10 * time.Second

// load returns what is stored under the IDs as of the revision or later.
func (w *Watcher) load(ctx context.Context, ids []string, least tenancy.Revision) ([]tenancy.Versioned, error) {
	want := make([]tenancy.Lookup, len(ids))
	for i, id := range ids {
		want[i] = tenancy.Lookup{Key: tenancy.IDKey(id), Min: least}
	}
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	return w.source.Load(ctx, want)
}
