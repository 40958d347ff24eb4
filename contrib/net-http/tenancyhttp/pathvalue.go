package tenancyhttp

import (
	"net/http"
)

// PathValue reads the tenant from a wildcard of the route: for the pattern
// /tenants/{tenant}/orders, it is PathValue("tenant"). The middleware must be
// inside the route, around its handler: before the [http.ServeMux] there are no
// path values, and every request is refused.
func PathValue(name string, opts ...KeyOption) Resolver {
	return pathValue{name, newKeyConfig(opts)}
}

type pathValue struct {
	name string
	keyConfig
}

func (p pathValue) Resolve(r *http.Request) (Match, error) {
	value := r.PathValue(p.name)
	if value == "" {
		return Match{Resolver: namePathValue}, ErrAbsent
	}
	return p.match(namePathValue, value)
}

func (p pathValue) Vary() []string { return p.vary }

func (p pathValue) check() error {
	if p.name == "" {
		return misconfigured("PathValue: the name is empty")
	}
	return nil
}
