package tenancyhttp

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Domain finds the tenant of a custom domain: the one that has verified it in getter, which
// is a [tenancy.Store] with [tenancy.Names], caches included. It may also be a type of the
// application's own: then only domains that their owner has proved to own may be found, and only
// exactly, since a wildcard is another tenant's way in.
//
// A host that nobody owns is a [tenancy.ErrNotFound] that is also [resolve.ErrAbsent], so that
// [First] may ask for [Subdomain] too; ask that first, so that no tenant can register the name
// of another. What is no domain is not looked up: a malformed host is refused; none at all, an
// IP address, a single label, and a name with an underscore, such as that of a container,
// are resolve.ErrAbsent.
func Domain(getter tenancy.DomainGetter) Resolver { return domain{getter} }

type domain struct{ getter tenancy.DomainGetter }

// Resolve returns the ID of the tenant, which the middleware looks up as it does any other: so
// the resolvers around this one can compare it with what they have found.
func (d domain) Resolve(r *http.Request) (Match, error) {
	m := named(resolve.NameDomain)
	host, ok := hostOf(r)
	switch {
	case !ok:
		return m, errHost
	case tenancy.ValidateDomain(host) != nil:
		return m, resolve.ErrAbsent
	}
	t, err := d.getter.GetByDomain(r.Context(), host)
	if err == nil {
		m.Key = tenancy.IDKey(t.ID)
		err = m.Validate() // not the client's fault
	}
	switch {
	case err == nil:
	case isNotFound(err):
		err = fmt.Errorf("%w: %w", resolve.ErrAbsent, err)
	default:
		err = outage(err)
	}
	return m, err
}

func (d domain) check() error { return checkNames("Domain", d.getter) }

// checkNames returns an error if names is nil, or a store that says that it has no names.
func checkNames(what string, names tenancy.DomainGetter) error {
	if isNil(names) {
		return misconfigured("%s: the store is nil", what)
	}
	if s, ok := names.(tenancy.Store); ok && !tenancy.HasNames(s) {
		return misconfigured("%s: the store has no names: see tenancy.HasNames", what)
	}
	return nil
}

// isNotFound reports whether err says that nobody has a name, and nothing worse.
func isNotFound(err error) bool {
	return errors.Is(err, tenancy.ErrNotFound) && !resolve.IsOutage(err)
}

// outage returns err as one that is not taken for an answer.
func outage(err error) error {
	if resolve.IsOutage(err) {
		return err
	}
	return fmt.Errorf("%w: %w", tenancy.ErrUnavailable, err)
}
