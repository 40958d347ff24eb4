package tenantserver

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/http/internal/wire"
	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const (
	// bookmarkInterval is how often a stream says how far the log was read. A client that
	// hears nothing for three of them comes back.
	bookmarkInterval = 15 * time.Second
	// Streams end after a random time in between, so that they spread over the servers
	// again after one was restarted.
	minStreamAge = 5 * time.Minute
	maxStreamAge = 10 * time.Minute

	maxLines = 1000 // that are written at once
)

var errAhead = tenancyhttp.Problem{
	Type: wire.ProblemType + wire.CodeAhead, Status: http.StatusServiceUnavailable, Code: wire.CodeAhead, RetryAfter: 1,
	Title:  "The log of this server does not reach the position.",
	Detail: "Try again. If that lasts, GET /v1/changes says whether the position was lost.",
}

// watcher is a stream of changes under way.
type watcher struct {
	*call

	at     tenancy.Position // up to which the client has been told
	caught int              // the epoch in which the hub has held at; 0: not yet
	view   view             // of the hub, after at
}

// watch answers GET /v1/watch: the changes after a position, or from now on, until the
// client goes or the stream is old.
func (c *call) watch() error {
	ctx := c.r.Context()
	w := &watcher{call: c}
	events, err := w.begin(ctx)
	if err != nil {
		return err
	}
	s, err := c.newStream(wantsEvents(c.r))
	if err != nil {
		return err
	}
	reason, err := w.run(ctx, s, events)
	if err == nil {
		_ = s.say(wire.Line{Type: wire.LineEnd, Position: w.at, Reason: reason}) // else the client has gone
	}
	return nil
}

// begin finds the position from which to watch, and returns the first changes after it. What
// is wrong with the position is a status, and no line: so the log itself is asked, which may
// have another history by now than the hub.
func (w *watcher) begin(ctx context.Context) ([]event, error) {
	q, err := w.query("", "after")
	if err != nil {
		return nil, err
	}
	last := w.r.Header.Get("Last-Event-ID") // of a client that comes back
	switch {
	case last != "":
		w.at, err = position("Last-Event-ID", last)
	case q.Has("after"):
		w.at, err = position("after", q.Get("after"))
	default:
		b, err := w.head(ctx)
		if err != nil {
			return nil, err
		}
		w.at = b.Newest
		return w.next(ctx)
	}
	if err != nil {
		return nil, err
	}
	p, err := w.pageAfter(ctx, w.at, maxLines)
	if w.ahead(ctx, w.at, err) {
		err = errAhead
	}
	if err != nil || len(p.events) > 0 {
		return p.events, err
	}
	return w.next(ctx)
}

// next returns the next changes, if there are any yet. What the hub does not hold is read
// from the log.
func (w *watcher) next(ctx context.Context) ([]event, error) {
	if w.view = w.hub.after(w.at); w.view.holds {
		w.caught = w.view.epoch
		return w.view.events[:min(len(w.view.events), maxLines)], nil
	}
	if w.caught == w.view.epoch && w.caught != 0 {
		return nil, errSlow
	}
	p, err := w.pageAfter(ctx, w.at, maxLines)
	return p.events, err
}

var errSlow = errors.New("the client is too slow")

// run sends what there is, and returns why it ends, or an error if the client has gone.
func (w *watcher) run(ctx context.Context, s *stream, events []event) (reason string, err error) {
	age := time.NewTimer(minStreamAge + rand.N(maxStreamAge-minStreamAge))
	defer age.Stop()
	tick := time.NewTicker(bookmarkInterval)
	defer tick.Stop()
	for due := true; ; events, err = w.next(ctx) {
		if err != nil {
			return w.ending(ctx, err), nil
		}
		if len(events) > 0 {
			if err := s.send(func() error { return w.lines(s, events) }); err != nil {
				return "", err
			}
		} else if due && w.view.holds && w.view.contact {
			if err := s.say(wire.Line{Type: wire.LineBookmark, Position: w.at}); err != nil {
				return "", err
			}
			due = false
		}
		changed := w.view.changed
		if len(events) > 0 {
			changed = alreadyClosed
		}
		select {
		case <-changed:
		case <-tick.C:
			due = true
			if _, err := w.access(w.r, false); err != nil {
				return wire.ProblemOf(w.r, false, err).Code, nil
			}
		case <-age.C:
			return wire.EndAge, nil
		case <-w.hub.ended:
			return wire.EndClosing, nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

var alreadyClosed = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (w *watcher) lines(s *stream, events []event) error {
	for _, e := range events {
		if err := s.line(wire.LineChange, e.at, e.line); err != nil {
			return err
		}
		w.at = e.at
	}
	return nil
}

// ending returns the reason for which err ends the stream.
func (w *watcher) ending(ctx context.Context, err error) string {
	switch {
	case errors.Is(err, errSlow):
		return wire.EndSlow
	case errors.Is(err, tenancy.ErrClosed):
		return wire.EndClosing
	case w.ahead(ctx, w.at, err):
		return wire.CodeAhead
	}
	return wire.ProblemOf(w.r, false, err).Code
}
