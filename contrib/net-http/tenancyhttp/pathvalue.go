package tenancyhttp

import (
	"net/http"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"net/url"
	"strings"
)

// PathValue reads the tenant from a wildcard of the route: for the pattern
// /tenants/{tenant}/orders, it is PathValue("tenant"). The middleware must be
// inside the route, around its handler: before the [http.ServeMux] there are no
// path values, and every request is refused.
//
// A path that is not clean, in whatever segment, is refused; see [IsCleanPath]. A
// file server behind /files/{tenant}/{rest...} would read a file of globex for
// /files/acme/%2e%2e/globex.
func PathValue(name string, opts ...KeyOption) Resolver {
	return pathValue{name, newKeyConfig(opts)}
}

type pathValue struct {
	name string
	keyConfig
}

func (p pathValue) Resolve(r *http.Request) (Match, error) {
	if !IsCleanPath(r.URL) {
		return named(resolve.NamePathValue), errUnclean
	}
	value := r.PathValue(p.name)
	if value == "" {
		return named(resolve.NamePathValue), resolve.ErrAbsent
	}
	// ServeMux has decoded it; chi has not if the URL has a RawPath. Nothing in a
	// clean path can be decoded twice.
	if decoded, err := url.PathUnescape(value); err == nil && r.URL.RawPath != "" {
		value = decoded
	}
	return p.match(resolve.NamePathValue, value)
}

func (p pathValue) Vary() []string { return p.vary }

func (p pathValue) check() error {
	if p.name == "" || strings.ContainsAny(p.name, "{}/") || strings.HasSuffix(p.name, "...") {
		return misconfigured("PathValue: %q is not the name of a wildcard", p.name)
	}
	return p.err
}
