package tenancyhttp

import (
	"errors"
	"net/http"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Domain finds the tenant that has verified a custom domain. getter is a [tenancy.Store]
// with [tenancy.Names], usually the outermost. It may also be a type of the application: it
// must then find only domains whose ownership is proved, by exact match, since a wildcard
// would let another tenant in.
//
// For an unknown host, the error wraps [tenancy.ErrNotFound] and [resolve.ErrAbsent], so
// that Domain can be combined with [Subdomain] by [First]. Put Subdomain first, so that no
// tenant can register the name of another. A host that is not a domain is not looked up: a
// malformed one is refused; a missing host, an IP address, a single label, and a name with
// an underscore, such as that of a container, are resolve.ErrAbsent.
func Domain(getter tenancy.DomainGetter) Resolver { return domain{getter} }

type domain struct{ getter tenancy.DomainGetter }

// Resolve returns the ID of the tenant, which the middleware then looks up, so that other
// resolvers can compare it with their own result.
func (d domain) Resolve(r *http.Request) (Match, error) {
	m := named(resolve.NameDomain)
	host, err := hostOf(r)
	if err == nil {
		m.Key, err = resolve.FindDomain(r.Context(), d.getter, host)
	}
	return m, err
}

func (d domain) check() error { return checkNames("Domain", d.getter) }

// checkNames returns an error if names is nil, or a store that does not support names.
func checkNames(what string, names tenancy.DomainGetter) error {
	if driver.IsNil(names) {
		return misconfigured("%s: the store is nil", what)
	}
	if s, ok := names.(tenancy.Store); ok && !tenancy.HasNames(s) {
		return misconfigured("%s: the store has no names: see tenancy.HasNames", what)
	}
	return nil
}

// isNotFound reports whether err says only that no tenant has a name.
func isNotFound(err error) bool {
	return errors.Is(err, tenancy.ErrNotFound) && !resolve.IsOutage(err)
}
