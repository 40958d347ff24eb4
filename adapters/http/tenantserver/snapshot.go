package tenantserver

import (
	"context"
	"encoding/json"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/http/internal/wire"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

type (
	tenantLine struct {
		Type   string `json:"type"`
		Tenant any    `json:"tenant"`
	}
	nameLine struct {
		Type string          `json:"type"`
		Name wire.TenantName `json:"name"`
	}
)

// snapshot answers GET /v1/snapshot: a bookmark, then all tenants and names, none older
// than that, then the end. Whoever applies the changes after the bookmark has them as they
// are. Without the end, whose reason is "complete", it was cut.
func (c *call) snapshot() error {
	ctx := c.r.Context()
	if _, err := c.query(""); err != nil {
		return err
	}
	bounds, err := c.source.Bounds(ctx)
	if err != nil {
		return err
	}
	s, err := c.newStream(false)
	if err != nil {
		return err
	}
	at := bounds.Newest
	reason := wire.EndComplete
	if err := c.sendAll(ctx, s, at); err != nil {
		reason = wire.ProblemOf(c.r, false, err).Code
	}
	_ = s.say(wire.Line{Type: wire.LineEnd, Position: at, Reason: reason})
	return nil
}

func (c *call) sendAll(ctx context.Context, s *stream, at tenancy.Position) error {
	if err := s.say(wire.Line{Type: wire.LineBookmark, Position: at}); err != nil {
		return err // the client has gone
	}
	opts := tenancy.ListOptions{Limit: tenancy.MaxPageLimit, OmitSecrets: !c.Secrets}
	for more := true; more; more = opts.Cursor != "" {
		page, err := c.source.List(ctx, opts)
		if err != nil {
			return err
		}
		err = s.send(func() error {
			for _, t := range page.Tenants {
				if err := s.lineOf(wire.LineTenant, at, tenantLine{wire.LineTenant, c.form(t)}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		opts.Cursor = page.Next
	}
	if !tenancy.HasNames(c.source) {
		return nil
	}
	for last, more := (tenancy.TenantName{}), true; more; {
		page, err := c.source.ListNames(ctx, last, tenancy.MaxPageLimit)
		if err != nil {
			return err
		}
		err = s.send(func() error {
			for _, n := range page.Names {
				last = n
				if err := s.lineOf(wire.LineName, at, nameLine{wire.LineName, wire.TenantNameOf(n)}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		more = len(page.Names) == tenancy.MaxPageLimit
	}
	return nil
}

// lineOf writes one line of many, for each of which the client has the time of one.
func (s *stream) lineOf(kind string, at tenancy.Position, v any) error {
	line, err := json.Marshal(v)
	if err == nil {
		err = s.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	}
	if err != nil {
		return err
	}
	return s.line(kind, at, line)
}
