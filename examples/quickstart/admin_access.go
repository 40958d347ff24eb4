package main

import (
	"errors"
	"net/http"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
)

var (
	errBadHost      = newProblem(http.StatusBadRequest, "bad-host", "The Host header is malformed.")
	errNotAdminHost = newProblem(http.StatusMisdirectedRequest, "not-an-admin-host", "The admin API answers under the base domain or an IP address only.")
	errCrossOrigin  = newProblem(http.StatusForbidden, "cross-origin", "The admin API does not take requests from web pages of other origins.")
)

// adminOnly is the little protection that an admin API without authentication
// can have on a machine with a browser: no page of another origin can call it,
// neither directly nor by a name of its own that resolves to this machine, and
// it does not answer on the hosts of tenants. Put real authentication here.
func (s *service) adminOnly(next http.Handler) http.Handler {
	origin, hosts := http.NewCrossOriginProtection(), tenantHosts(s.base)
	return s.endpoint(func(w http.ResponseWriter, r *http.Request) error {
		switch _, err := hosts.Resolve(r); {
		case err == nil, errors.Is(err, tenancyhttp.ErrForeignHost):
			return errNotAdminHost
		case !errors.Is(err, tenancyhttp.ErrAbsent): // the base domain and IP addresses name no tenant
			return errBadHost
		}
		if origin.Check(r) != nil {
			return errCrossOrigin
		}
		next.ServeHTTP(w, r)
		return nil
	})
}
