package tenantserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/adapters/http/internal/wire"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

var errNoDeadlines = errors.New("the ResponseWriter has neither Flush and SetWriteDeadline nor Unwrap: a stream to a client that does not read would never end")

// stream writes lines of JSON as they come, each write with a deadline: a client that does
// not read must not hold its handler, and what the handler holds, for ever.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	events  bool // as server-sent events
}

// newStream begins the answer. Nothing must have been written.
func (c *call) newStream(events bool) (*stream, error) {
	if c.r.Method == http.MethodHead {
		c.w.Header().Set("Allow", http.MethodGet)
		return nil, errMethodNotAllowed
	}
	s := &stream{w: c.w, control: http.NewResponseController(c.w), events: events}
	// The deadlines of http.Server are those of a whole answer.
	if err := errors.Join(s.control.SetWriteDeadline(time.Time{}), s.control.SetReadDeadline(time.Time{})); err != nil {
		return nil, fmt.Errorf("%w: %v", errNoDeadlines, err) //nolint:errorlint // it is not the store that lacks something
	}
	header := c.w.Header()
	header.Set("Content-Type", "application/x-ndjson")
	if events {
		header.Set("Content-Type", "text/event-stream")
	}
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Accel-Buffering", "no") // nginx would collect lines
	c.w.WriteHeader(http.StatusOK)
	return s, nil
}

// wantsEvents reports whether the client prefers server-sent events, as browsers do.
func wantsEvents(r *http.Request) bool {
	return slices.ContainsFunc(r.Header.Values("Accept"), func(accept string) bool {
		return strings.Contains(accept, "text/event-stream")
	})
}

// send writes what f writes, and flushes it.
func (s *stream) send(f func() error) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	if err := s.control.Flush(); err != nil {
		return err
	}
	return s.control.SetWriteDeadline(time.Time{})
}

// line writes one line. A client that resumes after it names its position.
func (s *stream) line(kind string, at tenancy.Position, line []byte) error {
	before, after := "", "\n"
	if s.events {
		before, after = "id: "+at.String()+"\nevent: "+kind+"\ndata: ", "\n\n"
	}
	_, err := s.w.Write([]byte(before))
	if err == nil {
		_, err = s.w.Write(line)
	}
	if err == nil {
		_, err = s.w.Write([]byte(after))
	}
	return err
}

// say sends a line that is neither a change, a tenant nor a name.
func (s *stream) say(l wire.Line) error {
	line, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return s.send(func() error { return s.line(l.Type, l.Position, line) })
}
