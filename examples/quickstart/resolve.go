package main

import (
	"net/http"
	"strings"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

var (
	errBadHost      = newProblem(http.StatusBadRequest, "bad-host", "The Host header is malformed.")
	errNoTenantHost = newProblem(http.StatusBadRequest, "no-tenant", "The host names no tenant: it must be one label before the base domain.")
	errForeignHost  = newProblem(http.StatusMisdirectedRequest, "foreign-host", "This service does not serve this domain.")
	errSuspended    = newProblem(http.StatusForbidden, "tenant-suspended", "The tenant is suspended.")
	errNotReady     = newProblem(http.StatusServiceUnavailable, "tenant-not-ready", "The tenant is being set up.")
)

// tenantOnly lets a request pass only if its host names an active tenant, which
// it puts into the context. It fails closed: an outage is 503, never 404.
func (s *service) tenantOnly(next http.Handler) http.Handler {
	return s.endpoint(func(w http.ResponseWriter, r *http.Request) error {
		identifier, err := identifierOfHost(r.Host, s.base)
		if err != nil {
			return err
		}
		tenant, err := s.store.GetByIdentifier(r.Context(), identifier)
		if err != nil {
			return err
		}
		if err := servable(tenant.Status); err != nil {
			return err
		}
		next.ServeHTTP(w, r.WithContext(tenancy.NewContext(r.Context(), tenant)))
		return nil
	})
}

// identifierOfHost returns the identifier in a Host header: the one label before
// the base domain.
func identifierOfHost(header, base string) (string, error) {
	host, ok := splitHost(header)
	if !ok {
		return "", errBadHost
	}
	if host == base || isIP(host) {
		return "", errNoTenantHost
	}
	label, ok := strings.CutSuffix(host, "."+base) // with the dot: evil-example.com is not below example.com
	if !ok {
		return "", errForeignHost
	}
	if tenancy.ValidateIdentifier(label) != nil { // a second label is refused here too
		return "", errNoTenantHost
	}
	return label, nil
}

// servable says why a tenant of this status is not served. A status that this
// version does not know is not served either.
func servable(status tenancy.Status) error {
	switch status {
	case tenancy.StatusActive:
		return nil
	case tenancy.StatusProvisioning:
		return errNotReady
	case tenancy.StatusDeleted:
		return tenancy.ErrNotFound
	default:
		return errSuspended
	}
}
