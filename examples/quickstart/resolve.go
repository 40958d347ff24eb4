package main

import (
	"net/http"

	"github.com/go-tenancy/tenantstore/contrib/net-http/tenancyhttp"
)

// tenantHosts says which tenant a Host header names: its one label before the
// base domain.
func tenantHosts(base string) tenancyhttp.Resolver {
	return tenancyhttp.Subdomain(base, tenancyhttp.WithReserved()) // the sample reserves no label
}

// tenantOnly returns a middleware that lets a request pass only if its host names an
// active tenant, which it puts into the context: by its identifier, or by a domain of its
// own. Whoever comes by an identifier that the tenant had is redirected.
func (s *service) tenantOnly() (func(next http.Handler) http.Handler, error) {
	return tenancyhttp.NewMiddleware(s.store, tenancyhttp.First(tenantHosts(s.base), tenancyhttp.Domain(s.store)),
		tenancyhttp.WithRedirectFormer(s.store),
		tenancyhttp.WithLogger(s.log),
		tenancyhttp.WithObserver(s.requests),
	)
}
