package tenancyhttp

import (
	"context"
	"net/http"
	"time"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Watcher ends long requests, such as WebSockets and event streams, when their
// tenant is no longer served: a [resolve.Watcher] for handlers. It is safe for
// concurrent use.
type Watcher struct {
	watcher *resolve.Watcher
	answers *answers
}

// NewWatcher returns a Watcher of store, which must be a [tenancy.Source], tiers
// and decorators included: else the error wraps [errors.ErrUnsupported]. Of the
// options, it uses [WithMaxStale], and those that say which statuses are served and how
// refusals are answered and logged; give it those of the middleware. With a wrong
// argument, the error wraps [tenancy.ErrInvalid].
func NewWatcher(store tenancy.Store, opts ...Option) (*Watcher, error) {
	c := newConfig(opts)
	if driver.IsNil(store) {
		c.fail("the store is nil")
	}
	if c.err != nil {
		return nil, c.err
	}
	w, err := resolve.NewWatcher(store, c.policy, resolve.WithMaxStale(c.maxStale), resolve.WithLogger(c.logger))
	if err != nil {
		return nil, err
	}
	return &Watcher{w, newAnswers(c)}, nil
}

// Middleware watches the requests for next. It belongs behind the middleware of
// [NewMiddleware], around the handlers of long requests alone: each request costs a second
// lookup and some allocations. The request's context ends as [resolve.Watcher.Watch] says,
// with cause [resolve.ErrNotServed] when the tenant is no longer served; the handler
// must heed it, one that has hijacked the connection too. Five seconds later, reads of
// the body and writes fail, so that a client which takes or sends nothing keeps no
// handler. A request without a tenant is passed on as it is; others are answered 503
// after Close, and while the change log was not read for too long.
func (w *Watcher) Middleware(next http.Handler) http.Handler {
	next = required(next)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		t, ok := tenancy.FromContext(r.Context())
		if !ok {
			next.ServeHTTP(rw, r)
			return
		}
		ctx, cancel, d := w.watcher.Watch(r.Context(), t)
		defer cancel()
		if d.Outcome != resolve.OutcomeResolved {
			w.answers.refuse(rw, r, &d)
			return
		}
		defer hurry(ctx, rw)()
		next.ServeHTTP(rw, r.WithContext(ctx))
	})
}

// Close ends the requests that are watched, with cause [resolve.ErrWatcherClosed], and
// waits until nothing is followed any more. It returns nil.
func (w *Watcher) Close() error { return w.watcher.Close() }

// endGrace is for the last words of a request that has ended.
const endGrace = 5 * time.Second

// hurry sees to it that a handler which is writing or reading when ctx ends comes back
// from that: a client that takes nothing, or sends nothing, would hold it for ever, and
// io.Copy does not know of contexts. The handler calls done when it has returned.
func hurry(ctx context.Context, w http.ResponseWriter) (done func()) {
	hurried := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(hurried)
		setDeadlines(w, time.Now().Add(endGrace))
	})
	return func() {
		if !stop() {
			<-hurried
			setDeadlines(w, time.Time{}) // the next request of the connection has its own
		}
	}
}

// setDeadlines does nothing for what is not net/http's, and knows none.
func setDeadlines(w http.ResponseWriter, t time.Time) {
	c := http.NewResponseController(w)
	_, _ = c.SetReadDeadline(t), c.SetWriteDeadline(t)
}
