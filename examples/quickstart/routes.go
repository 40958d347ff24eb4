package main

import (
	"log/slog"
	"net/http"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// service is what the handlers share.
type service struct {
	store tenancy.Store
	base  string // tenants' hosts are <identifier>.<base>
	log   *slog.Logger
	about tenancy.View[institution] // what the metadata of tenants say

	requests resolve.Observer // of requests for tenants; nil for none
	metrics  http.Handler     // of GET /metrics; nil for none
}

// handler returns the whole HTTP surface.
func (s *service) handler() (http.Handler, error) {
	tenantOnly, err := s.tenantOnly()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", s.endpoint(s.healthz))
	mux.Handle("GET /readyz", s.endpoint(s.readyz))
	if s.metrics != nil {
		mux.Handle("GET /metrics", s.ownHosts(s.metrics))
	}
	mux.Handle("GET /whoami", tenantOnly(s.endpoint(s.whoami)))

	admin := func(pattern string, e endpoint) { mux.Handle(pattern, s.adminOnly(s.endpoint(e))) }
	admin("GET /admin/tenants", s.list)
	admin("POST /admin/tenants", unconditional(s.create))
	admin("GET /admin/tenants/search", s.search)
	admin("GET /admin/tenants/by-identifier/{identifier}", s.getByIdentifier)
	admin("GET /admin/tenants/{id}", s.getByID)
	admin("PUT /admin/tenants/{id}", ifMatchOnly(s.update))
	admin("DELETE /admin/tenants/{id}", unconditional(s.delete))
	admin("POST /admin/tenants/{id}/suspend", unconditional(s.setStatus(tenancy.StatusSuspended)))
	admin("POST /admin/tenants/{id}/activate", unconditional(s.setStatus(tenancy.StatusActive)))
	admin("POST /admin/tenants/{id}/rename", unconditional(s.rename))
	admin("PATCH /admin/tenants/{id}/metadata", unconditional(s.patchMetadata))
	admin("GET /admin/names/{id}", s.names)
	admin("POST /admin/tenants/{id}/domains", unconditional(s.addDomain))
	admin("POST /admin/tenants/{id}/domains/{domain}/verify", unconditional(s.verifyDomain))
	admin("DELETE /admin/tenants/{id}/domains/{domain}", unconditional(s.removeDomain))
	admin("PUT /admin/tenants/{id}/primary-domain", unconditional(s.setPrimaryDomain))
	admin("GET /admin/tiers", s.tiers)
	admin("GET /admin/replica", s.replica)

	return s.logged(bounded(s.routed(mux))), nil
}

// routed is mux, but answers what no route matches with a problem.
func (s *service) routed(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unmatched, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		var verdict headerOnly
		unmatched.ServeHTTP(&verdict, r) // 404, or 405 with Allow
		if allow := verdict.Header().Get("Allow"); allow != "" {
			w.Header().Set("Allow", allow)
			s.fail(w, r, errMethodNotAllowed)
			return
		}
		s.fail(w, r, errNoSuchEndpoint)
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
