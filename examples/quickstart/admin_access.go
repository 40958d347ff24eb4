package main

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/go-tenancy/tenantstore/core/resolve"
)

var (
	errBadHost      = newProblem(http.StatusBadRequest, "bad-host", "The Host header is malformed.")
	errNotAdminHost = newProblem(http.StatusMisdirectedRequest, "not-an-admin-host", "The admin API answers under the base domain or an IP address only.")
	errNotOwnHost   = newProblem(http.StatusMisdirectedRequest, "not-an-own-host", "Metrics are not served under the hosts of tenants, or of anybody else.")
	errCrossOrigin  = newProblem(http.StatusForbidden, "cross-origin", "The admin API does not take requests from web pages of other origins.")
)

// hostNamesNobody returns nil if the host of r is not that of a tenant, and not a
// domain that is not served here, for which the answer is other.
func (s *service) hostNamesNobody(r *http.Request, other error) error {
	switch _, err := tenantHosts(s.base).Resolve(r); {
	case err == nil, errors.Is(err, resolve.ErrMisdirected):
		return other
	case !errors.Is(err, resolve.ErrAbsent):
		return errBadHost
	}
	return nil
}

// ownHosts keeps the metrics, which no tenant should see, from the hosts of tenants.
// Prometheus may call this service by a name in their network.
func (s *service) ownHosts(next http.Handler) http.Handler {
	return s.endpoint(func(w http.ResponseWriter, r *http.Request) error {
		if err := s.hostNamesNobody(r, errNotOwnHost); err != nil {
			return err
		}
		next.ServeHTTP(w, r)
		return nil
	})
}

// adminOnly is the little protection that an admin API without authentication
// can have on a machine with a browser: no page of another origin can call it,
// neither directly nor by a name of its own that resolves to this machine, and
// it does not answer on the hosts of tenants. Put real authentication here.
func (s *service) adminOnly(next http.Handler) http.Handler {
	origin := http.NewCrossOriginProtection()
	return s.endpoint(func(w http.ResponseWriter, r *http.Request) error {
		if err := s.hostNamesNobody(r, errNotAdminHost); err != nil {
			return err
		}
		if !s.isBaseOrAddress(r.Host) {
			return errNotAdminHost
		}
		if origin.Check(r) != nil {
			return errCrossOrigin
		}
		next.ServeHTTP(w, r)
		return nil
	})
}

// isBaseOrAddress is for a host that is well-formed.
func (s *service) isBaseOrAddress(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.Trim(host, "[]"), ".")
	_, err := netip.ParseAddr(host)
	return err == nil || strings.EqualFold(host, s.base)
}
