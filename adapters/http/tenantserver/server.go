package tenantserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/go-tenancy/tenantstore/adapters/http/internal/wire"
	"github.com/go-tenancy/tenantstore/core/follow"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Server is the service as an [http.Handler]. It is safe for concurrent use.
type Server struct {
	source    tenancy.Source
	authorize Authorizer
	log       *slog.Logger

	routes http.Handler
	hub    *hub
	heads  shared[tenancy.Bounds]
	loads  shared[answer]
	pages  shared[page]

	nextLog  atomic.Int64 // Unix time in nanoseconds
	unlogged atomic.Int64 // failures since the last line

	stop func()
	done sync.WaitGroup
}

// New returns the service of source and starts to follow its change log, until Close. It
// fails with [tenancy.ErrInvalid] if an argument is missing. Access has no default: see
// [Full].
func New(source tenancy.Source, authorize Authorizer, opts ...Option) (*Server, error) {
	c := config{logger: slog.Default()}
	for _, o := range opts {
		if o == nil {
			return nil, invalidArgument("options", "one of them is nil")
		}
		o.apply(&c)
	}
	switch {
	case source == nil:
		return nil, invalidArgument("source", "it is nil")
	case authorize == nil:
		return nil, invalidArgument("authorize", "it is nil")
	case c.logger == nil:
		return nil, invalidArgument("logger", "it is nil")
	}
	if _, ok := tenancy.SourceOf(source); !ok {
		return nil, invalidArgument("source", "it leads to a store without a change log")
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{
		source: source, authorize: authorize, log: c.logger, hub: newHub(), stop: stop,
		heads: shared[tenancy.Bounds]{base: ctx}, loads: shared[answer]{base: ctx}, pages: shared[page]{base: ctx},
	}
	s.routes = s.routing()
	s.done.Go(func() {
		defer s.hub.end()
		err := follow.Run(ctx, source, s.hub.handler())
		if ctx.Err() == nil && !errors.Is(err, tenancy.ErrClosed) {
			s.log.Error("tenantserver: the change log is not followed any more; streams end", "err", err)
		}
	})
	return s, nil
}

func invalidArgument(field, reason string) error {
	return &tenancy.Error{Op: "New", Field: field, Err: fmt.Errorf("%w: %s", tenancy.ErrInvalid, reason)}
}

// Close stops following the log and ends the streams, with a last line that says so; their
// clients come back. Call it before [http.Server.Shutdown], which waits for them. It
// does not close the source, and can be called again.
func (s *Server) Close() error {
	s.stop()
	s.heads.wait()
	s.loads.wait()
	s.pages.wait()
	s.done.Wait()
	return nil
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(wire.ServiceHeader, wire.ServiceVersion)
	s.routes.ServeHTTP(w, r)
}
