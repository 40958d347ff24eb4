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
	kind
	w http.ResponseWriter
	r *http.Request
}

// id returns the ID in the path.
func (c *call) id() (string, error) { return idOf(c.r.PathValue("id")) }

func idOf(segment string) (string, error) {
	id, ok := wire.ParseSegment(segment)
	if !ok {
		return "", badField("id", "After a tilde, the segment of the path must be base64.")
	}
	return id, nil
}

// endpoint answers a request, or returns why it does not, before it writes anything.
type endpoint func(c *call) error

var (
	errNoSuchEndpoint   = wire.NewProblem(http.StatusNotFound, "no-such-endpoint", "Nothing is served under this path.")
	errMethodNotAllowed = wire.NewProblem(http.StatusMethodNotAllowed, "method-not-allowed", "The Allow header names the methods of this path.")
	errCrossOrigin      = wire.NewProblem(http.StatusForbidden, "cross-origin", "Web pages of other origins may not change anything.")
	errNotConditional   = wire.NewProblem(http.StatusBadRequest, "not-conditional", "This request takes no condition.")
)

// route is a path of the service.
type route struct {
	pattern string
	kind    kind
	serve   endpoint
}

// kind is what an endpoint does, and whether it honours conditions or only refuses them.
type kind struct{ writes, conditions bool }

func routes() []route {
	reads, writes := kind{}, kind{writes: true}
	resource := kind{conditions: true}
	return []route{
		{"GET /v1/access", reads, (*call).mayDo},
		{"GET /v1/tenants", reads, (*call).list},
		{"GET /v1/tenants:count", reads, (*call).count},
		{"POST /v1/tenants:batchGet", reads, (*call).batchGet},
		{"GET /v1/tenants/{id}", resource, (*call).getByID},
		{"GET /v1/by-identifier/{identifier}", resource, (*call).getByIdentifier},
		{"GET /v1/by-domain/{domain}", resource, (*call).getByDomain},
		{"GET /v1/by-former/{identifier}", resource, (*call).formerOwner},

		{"POST /v1/tenants", writes, (*call).create},
		{"POST /v1/tenants:batchCreate", writes, (*call).batchCreate},
		{"POST /v1/tenants:batchStatus", writes, (*call).batchStatus},
		{"PUT /v1/tenants/{id}", kind{writes: true, conditions: true}, (*call).put},
		{"PATCH /v1/tenants/{id}/metadata", writes, (*call).patchMetadata},
		{"DELETE /v1/tenants/{id}", writes, (*call).delete},
		{"POST /v1/tenants/{id}", writes, (*call).custom},

		{"GET /v1/names", reads, (*call).listNames},
		{"GET /v1/tenants/{id}/names", reads, (*call).namesOf},
		{"POST /v1/tenants/{id}/domains", writes, (*call).addDomain},
		{"POST /v1/tenants/{id}/domains/{domain}", writes, (*call).verifyDomain},
		{"DELETE /v1/tenants/{id}/domains/{domain}", writes, (*call).removeDomain},
		{"PUT /v1/tenants/{id}/primary-domain", writes, (*call).setPrimaryDomain},

		{"GET /v1/bounds", reads, (*call).bounds},
		{"GET /v1/changes", reads, (*call).changes},
		{"GET /v1/watch", reads, (*call).watch},
		{"GET /v1/snapshot", reads, (*call).snapshot},
		{"POST /v1/load", reads, (*call).load},
	}
}

func (s *Server) routing() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /openapi.json", s.openAPI)
	for _, r := range routes() {
		mux.Handle(r.pattern, s.endpoint(r))
	}
	return s.routed(mux)
}

// endpoint is that of r behind what all have in common.
func (s *Server) endpoint(r route) http.Handler {
	origin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		c := call{Server: s, kind: r.kind, w: w, r: request}
		if err := c.serve(r.serve, origin); err != nil {
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
