package tenantserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/http/internal/wire"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// maxWait is how long a request may wait for a change.
const maxWait = time.Minute

// bounds answers GET /v1/bounds.
func (c *call) bounds() error {
	if _, err := c.query(""); err != nil {
		return err
	}
	b, err := c.head(c.r.Context())
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, wire.Bounds{Oldest: &b.Oldest, Newest: &b.Newest})
}

// head reads the bounds of the log together with everybody who asks for them.
func (s *Server) head(ctx context.Context) (tenancy.Bounds, error) {
	return s.heads.do(ctx, "", s.source.Bounds)
}

// changes answers GET /v1/changes: the page of the log after a position, for which it waits
// if there is none yet.
func (c *call) changes() error {
	q, err := c.query("", "after", "limit", "wait")
	if err != nil {
		return err
	}
	var after tenancy.Position
	if q.Has("after") {
		if after, err = position("after", q.Get("after")); err != nil {
			return err
		}
	}
	limit, err := number(q, "limit")
	if err != nil {
		return err
	}
	wait := time.Duration(0)
	if q.Has("wait") {
		if wait, err = time.ParseDuration(q.Get("wait")); err != nil || wait < 0 || wait > maxWait {
			return badField("wait", "The time to wait must be a duration such as 30s, of a minute at most.")
		}
	}
	v := c.hub.after(after)
	p, err := c.pageAfter(c.r.Context(), after, limit)
	if err == nil && len(p.events) == 0 && wait > 0 {
		if c.growsWithin(wait, after, v) {
			p, err = c.pageAfter(c.r.Context(), after, limit)
		}
	}
	if err != nil {
		return err
	}
	if p.full { // it never changes
		c.w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
		c.w.Header().Set("Vary", "Authorization")
	}
	c.w.Header().Set("Content-Type", "application/json")
	c.write(http.StatusOK, p.body())
	return nil
}

// page is a page of the log.
type page struct {
	events []event
	full   bool // as many as were asked for
}

func (p page) body() []byte {
	var b bytes.Buffer
	b.WriteString(`{"changes":[`)
	for i, e := range p.events {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(e.line)
	}
	b.WriteString("]}\n")
	return b.Bytes()
}

// pageAfter reads a page of the log together with everybody who asks for the same.
func (s *Server) pageAfter(ctx context.Context, after tenancy.Position, limit int) (page, error) {
	return s.pages.do(ctx, fmt.Sprintf("%s %d", after, limit), func(ctx context.Context) (page, error) {
		changes, err := s.source.Changes(ctx, after, limit)
		if err != nil {
			return page{}, err
		}
		p := page{full: len(changes) > 0 && len(changes) == limit || limit == 0 && len(changes) == tenancy.DefaultChangesLimit}
		for _, c := range changes {
			e, err := newEvent(c)
			if err != nil {
				return page{}, err
			}
			p.events = append(p.events, e)
		}
		return p, nil
	})
}

// growsWithin reports whether the log may hold more than the position before the time is
// over.
func (c *call) growsWithin(wait time.Duration, after tenancy.Position, v view) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-v.changed:
		case <-timer.C:
			return false
		case <-c.hub.ended:
			return false
		case <-c.r.Context().Done():
			return false
		}
		if v = c.hub.after(after); !v.holds || len(v.events) > 0 {
			return true
		}
	}
}

// load answers POST /v1/load. Whoever asks the same at the same time gets the same answer.
func (c *call) load() error {
	var in wire.Lookups
	body, err := c.body()
	if err != nil {
		return err
	}
	if _, err := membersOf(body, []string{"lookups"}); err != nil {
		return err
	}
	if err := decode(body, &in); err != nil {
		return err
	}
	want := make([]tenancy.Lookup, len(in.Lookups))
	for i, l := range in.Lookups {
		want[i] = l.Lookup()
	}
	a, err := c.loads.do(c.r.Context(), fmt.Sprint("load ", c.Secrets, string(body)), func(ctx context.Context) (answer, error) {
		found, err := c.source.Load(ctx, want)
		if err != nil {
			return nil, err
		}
		out := wire.Loaded[any]{Results: make([]wire.Versioned[any], len(found))}
		for i, v := range found {
			out.Results[i].AsOf = v.AsOf
			if v.Found {
				var form any = c.form(v.Tenant)
				out.Results[i].Tenant = &form
			}
		}
		return newAnswer(out)
	})
	return c.send(a, err)
}

func newAnswer(v any) (answer, error) {
	body, err := json.Marshal(v)
	return append(body, '\n'), err
}

// send answers with what was read together with others.
func (c *call) send(a answer, err error) error {
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "application/json")
	c.write(http.StatusOK, a)
	return nil
}

// ahead reports whether a position for which the log is ErrCompacted lies beyond its end: on
// another server the log may be longer.
func (s *Server) ahead(ctx context.Context, p tenancy.Position, err error) bool {
	if !errors.Is(err, tenancy.ErrCompacted) {
		return false
	}
	b, err := s.head(ctx)
	return err == nil && p.Revision > b.Newest.Revision
}
