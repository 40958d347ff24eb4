package tenantserver

import (
	"net/http"
	"strings"

	"github.com/go-tenancy/tenantstore/adapters/http/internal/wire"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// call is one request under way.
type call struct {
	*Server
	Access
	w http.ResponseWriter
	r *http.Request

	writes     bool
	conditions bool // the endpoint honours them, and not only refuses them
}

// endpoint answers a request, or returns why it does not, before it writes anything.
type endpoint func(c *call) error

var (
	errNoSuchEndpoint   = wire.NewProblem(http.StatusNotFound, "no-such-endpoint", "Nothing is served under this path.")
	errMethodNotAllowed = wire.NewProblem(http.StatusMethodNotAllowed, "method-not-allowed", "The Allow header names the methods of this path.")
	errCrossOrigin      = wire.NewProblem(http.StatusForbidden, "cross-origin", "Web pages of other origins may not change anything.")
	errNotConditional   = wire.NewProblem(http.StatusBadRequest, "not-conditional", "This request takes no condition.")
)

func (s *Server) routing() http.Handler {
	mux := http.NewServeMux()
	read := func(pattern string, e endpoint) { mux.Handle(pattern, s.endpoint(e, call{})) }
	write := func(pattern string, e endpoint) { mux.Handle(pattern, s.endpoint(e, call{writes: true})) }

	mux.HandleFunc("GET /openapi.json", s.openAPI)

	read("GET /v1/tenants", (*call).list)
	read("GET /v1/tenants:count", (*call).count)
	read("POST /v1/tenants:batchGet", (*call).batchGet)
	mux.Handle("GET /v1/tenants/{id}", s.endpoint((*call).getByID, call{conditions: true}))
	mux.Handle("GET /v1/by-identifier/{identifier}", s.endpoint((*call).getByIdentifier, call{conditions: true}))
	mux.Handle("GET /v1/by-domain/{domain}", s.endpoint((*call).getByDomain, call{conditions: true}))
	mux.Handle("GET /v1/by-former/{identifier}", s.endpoint((*call).formerOwner, call{conditions: true}))

	write("POST /v1/tenants", (*call).create)
	write("POST /v1/tenants:batchCreate", (*call).batchCreate)
	write("POST /v1/tenants:batchStatus", (*call).batchStatus)
	mux.Handle("PUT /v1/tenants/{id}", s.endpoint((*call).put, call{writes: true, conditions: true}))
	write("PATCH /v1/tenants/{id}/metadata", (*call).patchMetadata)
	write("DELETE /v1/tenants/{id}", (*call).delete)
	write("POST /v1/tenants/{id}", (*call).custom)

	read("GET /v1/names", (*call).listNames)
	read("GET /v1/tenants/{id}/names", (*call).namesOf)
	write("POST /v1/tenants/{id}/domains", (*call).addDomain)
	write("POST /v1/tenants/{id}/domains/{domain}", (*call).verifyDomain)
	write("DELETE /v1/tenants/{id}/domains/{domain}", (*call).removeDomain)
	write("PUT /v1/tenants/{id}/primary-domain", (*call).setPrimaryDomain)

	read("GET /v1/bounds", (*call).bounds)
	read("GET /v1/changes", (*call).changes)
	read("GET /v1/watch", (*call).watch)
	read("GET /v1/snapshot", (*call).snapshot)
	read("POST /v1/load", (*call).load)
	return s.routed(mux)
}

// endpoint is e behind what all have in common.
func (s *Server) endpoint(e endpoint, kind call) http.Handler {
	origin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := kind
		c.Server, c.w, c.r = s, w, r
		if err := c.serve(e, origin); err != nil {
			c.fail(err)
		}
	})
}

func (c *call) serve(e endpoint, origin *http.CrossOriginProtection) (err error) {
	if origin.Check(c.r) != nil {
		return errCrossOrigin
	}
	if c.Access, err = c.access(c.r, c.writes); err != nil {
		return err
	}
	for _, name := range []string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"} {
		if c.r.Method != http.MethodGet && c.r.Header.Values(name) != nil && !c.honours(name) {
			return errNotConditional
		}
	}
	if actor := c.actor(); actor != "" {
		c.r = c.r.WithContext(tenancy.WithActor(c.r.Context(), actor))
	}
	return e(c)
}

// honours reports whether a write takes a condition. What the store cannot check must not
// be ignored.
func (c *call) honours(name string) bool {
	return c.conditions && (name == "If-Match" || name == "If-None-Match")
}

// actor returns who makes the request, by the credential and by the request itself.
func (c *call) actor() string {
	said := wire.DecodeActor(c.r.Header.Get(wire.ActorHeader))
	return strings.Trim(c.Actor+": "+said, ": ")
}

// routed is mux, but answers what no route matches with a problem.
func (s *Server) routed(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unmatched, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		c := call{Server: s, w: w, r: r}
		var verdict headerOnly
		unmatched.ServeHTTP(&verdict, r) // 404, or 405 with Allow
		if allow := verdict.Header().Get("Allow"); allow != "" {
			w.Header().Set("Allow", allow)
			c.fail(errMethodNotAllowed)
			return
		}
		c.fail(errNoSuchEndpoint)
	})
}

// headerOnly keeps what a handler sets in the header, and drops the rest.
type headerOnly struct{ header http.Header }

func (h *headerOnly) Header() http.Header {
	if h.header == nil {
		h.header = http.Header{}
	}
	return h.header
}
func (*headerOnly) WriteHeader(int)             {}
func (*headerOnly) Write(b []byte) (int, error) { return len(b), nil }
