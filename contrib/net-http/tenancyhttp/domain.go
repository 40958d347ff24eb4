package tenancyhttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// DomainLookup returns the tenant that owns a host, by its identifier, or by its
// ID if Domain was given [ByID]; an ID survives a rename. The host is a domain
// name in lower case, in A-labels, without port and trailing dot. Only domains
// that their owner has proved to own may be found, and only exactly: a wildcard
// is another tenant's way in. If nobody owns it, the error wraps
// [tenancy.ErrNotFound]; any other is an outage.
//
// It is called for each request, for hosts that anybody can send: keep the
// answers, the negative ones too, in a cache of bounded size.
type DomainLookup func(ctx context.Context, host string) (string, error)

// Domain finds the tenant of a custom domain through lookup. A host that nobody
// owns is a [tenancy.ErrNotFound] that is also [resolve.ErrAbsent], so that [First] may
// ask for [Subdomain] too; ask that first, so that no tenant can register the name
// of another. Base domains and reserved names, which are no tenant's there, are
// looked up all the same: no tenant may own them. What is no domain name is never
// looked up: a malformed host is refused; none at all, an IP address, and a name with
// an underscore, such as that of a container, are resolve.ErrAbsent.
func Domain(lookup DomainLookup, opts ...KeyOption) Resolver {
	return domain{lookup, newKeyConfig(opts)}
}

type domain struct {
	lookup DomainLookup
	keyConfig
}

func (d domain) Resolve(r *http.Request) (Match, error) {
	m := named(resolve.NameDomain)
	host, ok := hostOf(r)
	switch {
	case !ok:
		return m, errHost
	case !validDomain(host):
		return m, resolve.ErrAbsent
	}
	value, err := d.lookup(r.Context(), host)
	if err != nil {
		if errors.Is(err, tenancy.ErrNotFound) && !resolve.IsOutage(err) {
			err = fmt.Errorf("%w: %w", resolve.ErrAbsent, err)
		} else if !resolve.IsOutage(err) {
			err = fmt.Errorf("%w: %w", tenancy.ErrUnavailable, err)
		}
		return m, err
	}
	m.Key = tenancy.Key{Kind: d.kind, Value: value}
	if err := m.Key.Validate(); err != nil { // not the client's fault
		return m, fmt.Errorf("%w: the lookup of a domain: %w", tenancy.ErrUnavailable, err)
	}
	return m, nil
}

func (d domain) Vary() []string { return d.vary }

func (d domain) check() error {
	if d.lookup == nil {
		return misconfigured("Domain: the lookup function is nil")
	}
	return d.err
}
