package tenantserver

import (
	"errors"
	"net/http"

	"github.com/go-tenancy/tenantstore/adapters/http/internal/wire"
	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Access is what a request may do. The zero Access may do nothing.
type Access struct {
	Read  bool // tenants, their names and the change log
	Write bool // includes Read
	// Secrets shows a DatabaseURL to whoever may read. Without it, it is masked; who may
	// write can then set a new one, or leave it as it is.
	Secrets bool
	// Actor is who makes the request: it is the actor of its changes. What the request
	// says by the header Tenancy-Actor is then put behind it.
	Actor string
}

// Authorizer decides what a request may do. It is called before the body is read, which it
// must leave alone, and again while a stream goes on. It may be called from several
// goroutines at once.
//
// Its error is answered with 401, or with 503 if it wraps [tenancy.ErrUnavailable]; a
// [tenancyhttp.Problem] is answered as it is. An Access that does not suffice is answered
// with 403.
type Authorizer func(r *http.Request) (Access, error)

// Full is the Authorizer that lets everybody do everything. It is for listeners that nobody
// else reaches, and for tests.
func Full(*http.Request) (Access, error) { return Access{Read: true, Write: true, Secrets: true}, nil }

var errForbidden = wire.NewProblem(http.StatusForbidden, wire.CodeForbidden, "The credential does not allow this request.")

// access returns what r may do, if that suffices.
func (s *Server) access(r *http.Request, writes bool) (Access, error) {
	a, err := s.authorize(r)
	if err != nil {
		var p tenancyhttp.Problem
		if errors.As(err, &p) {
			return Access{}, p
		}
		if errors.Is(err, tenancy.ErrUnavailable) {
			return Access{}, wire.NotApplied(err)
		}
		return Access{}, wire.NewProblem(http.StatusUnauthorized, wire.CodeUnauthenticated, "The request has no valid credential.")
	}
	if !a.Write && (writes || !a.Read) {
		return Access{}, errForbidden
	}
	return a, nil
}

// mayDo answers GET /v1/access: what the credential allows, for programs that offer no more.
func (c *call) mayDo() error {
	if _, err := c.query(""); err != nil {
		return err
	}
	return c.json(http.StatusOK, wire.Access{Read: c.Read || c.Write, Write: c.Write, Secrets: c.Secrets, Actor: c.Actor})
}
