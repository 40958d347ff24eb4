package main

import (
	"net/http"
)

var (
	errNotAdminHost = newProblem(http.StatusMisdirectedRequest, "not-an-admin-host", "The admin API answers under the base domain or an IP address only.")
	errCrossOrigin  = newProblem(http.StatusForbidden, "cross-origin", "The admin API does not take requests from web pages of other origins.")
)

// adminOnly is the little protection that an admin API without authentication
// can have on a machine with a browser: no page of another origin can call it,
// neither directly nor by a name of its own that resolves to this machine, and
// it does not answer on the hosts of tenants. Put real authentication here.
func (s *service) adminOnly(next http.Handler) http.Handler {
	origin := http.NewCrossOriginProtection()
	return s.endpoint(func(w http.ResponseWriter, r *http.Request) error {
		host, ok := splitHost(r.Host)
		if !ok {
			return errBadHost
		}
		if host != s.base && !isIP(host) {
			return errNotAdminHost
		}
		if origin.Check(r) != nil {
			return errCrossOrigin
		}
		next.ServeHTTP(w, r)
		return nil
	})
}
