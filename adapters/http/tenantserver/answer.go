package tenantserver

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/http/internal/wire"
	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// How long a client may take to receive an answer, and the next line of a stream.
const (
	answerTimeout = time.Minute
	writeTimeout  = 10 * time.Second
)

// answer is the body of one that several requests get.
type answer []byte

// fail answers with the problem of err, and logs what is the service's fault: a client that
// has gone is not.
func (c *call) fail(err error) {
	p := wire.ProblemOf(c.r, c.writes, err)
	left := errors.Is(err, context.Canceled) && errors.Is(c.r.Context().Err(), context.Canceled)
	own := errors.As(err, new(tenancyhttp.Problem))
	if p.Status >= http.StatusInternalServerError && p.Status != http.StatusNotImplemented && !left && !own && !errors.Is(err, tenancy.ErrClosed) {
		c.logFailure(err)
	}
	header := c.w.Header()
	header.Set("Content-Type", "application/problem+json")
	if p.Status == http.StatusUnauthorized && header.Get("WWW-Authenticate") == "" {
		header.Set("WWW-Authenticate", "Bearer")
	}
	if p.RetryAfter > 0 {
		header.Set("Retry-After", strconv.FormatInt(p.RetryAfter, 10))
	}
	body, err := json.Marshal(p)
	if err != nil { // it can always be marshalled
		body = nil
	}
	c.write(p.Status, append(body, '\n'))
}

// logFailure writes at most one line a second: in an outage every request fails.
func (c *call) logFailure(err error) {
	now := time.Now().UnixNano()
	next := c.nextLog.Load()
	if now < next || !c.nextLog.CompareAndSwap(next, now+int64(time.Second)) {
		c.unlogged.Add(1)
		return
	}
	c.log.ErrorContext(c.r.Context(), "tenantserver: request failed",
		"method", c.r.Method, "path", c.r.URL.Path, "err", err, "suppressed", c.unlogged.Swap(0))
}

// json answers with v.
func (c *call) json(status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "application/json")
	c.write(status, append(body, '\n'))
	return nil
}

// tenant answers with t, whose entity tag is its position in the change log: no other state
// of it ever has that. The revision alone would not do, for a restored backup takes
// revisions a second time.
func (c *call) tenant(status int, t tenancy.Tenant) error {
	header := c.w.Header()
	header.Set("ETag", etag(t))
	header.Set("Cache-Control", "private, no-cache")
	header.Set("Vary", "Authorization")
	if c.r.Method == http.MethodGet && noneMatches(c.r.Header.Values("If-None-Match"), etag(t)) {
		c.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	body, err := c.form(t).MarshalJSON() // json.Marshal would go over it once more
	if err != nil {
		return err
	}
	header.Set("Content-Type", "application/json")
	c.write(status, append(body, '\n'))
	return nil
}

// form returns t as this request may see it.
func (c *call) form(t tenancy.Tenant) json.Marshaler {
	if c.Secrets && t.DatabaseURL.Err() == nil {
		return tenancy.Revealed(t)
	}
	return t
}

func (c *call) forms(ts []tenancy.Tenant) []any {
	out := make([]any, len(ts)) // [] and not null
	for i, t := range ts {
		out[i] = c.form(t)
	}
	return out
}

// write sends an answer. That it cannot be delivered concerns nobody but the client.
func (c *call) write(status int, body []byte) {
	header := c.w.Header()
	if header.Get("Cache-Control") == "" || status >= http.StatusBadRequest {
		header.Set("Cache-Control", "no-store")
	}
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	control := http.NewResponseController(c.w)
	_ = control.SetWriteDeadline(time.Now().Add(answerTimeout)) // if the writer can
	c.w.WriteHeader(status)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(body)
	}
	_ = control.Flush() // before the deadline is taken back
	_ = control.SetWriteDeadline(time.Time{})
}
