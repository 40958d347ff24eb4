package tenancygrpc

import (
	"context"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Subdomain reads the tenant from the :authority of the call, as [resolve.Subdomains] says:
// acme.example.com for base example.com. A client that dials that name sends it. Behind a
// proxy, the proxy decides.
func Subdomain(s resolve.Subdomains) Resolver { return subdomain{s} }

type subdomain struct{ resolve.Subdomains }

func (s subdomain) Resolve(ctx context.Context) (resolve.Match, error) {
	m := resolve.Match{Resolver: resolve.NameSubdomain}
	host, err := authority(ctx)
	if err == nil {
		m.Key, err = s.Find(host)
	}
	return m, err
}

func (s subdomain) check() error {
	if len(s.Bases) == 0 {
		return misconfigured("Subdomain: there is no base domain")
	}
	if err := s.Validate(); err != nil {
		return misconfigured("Subdomain: %v", err)
	}
	return nil
}

// Domain finds the tenant that has verified the :authority of the call as a custom domain, as
// [resolve.FindDomain] says. Put [Subdomain] before it, so that no tenant can register the name
// of another.
func Domain(getter tenancy.DomainGetter) Resolver { return domain{getter} }

type domain struct{ getter tenancy.DomainGetter }

func (d domain) Resolve(ctx context.Context) (resolve.Match, error) {
	m := resolve.Match{Resolver: resolve.NameDomain}
	host, err := authority(ctx)
	if err == nil {
		m.Key, err = resolve.FindDomain(ctx, d.getter, host)
	}
	return m, err
}

func (d domain) check() error {
	if driver.IsNil(d.getter) {
		return misconfigured("Domain: the store is nil")
	}
	if s, ok := d.getter.(tenancy.Store); ok && !tenancy.HasNames(s) {
		return misconfigured("Domain: the store has no names: see tenancy.HasNames")
	}
	return nil
}

// authority returns the host of the call.
func authority(ctx context.Context) (string, error) {
	value, err := single(ctx, ":authority")
	if err != nil {
		return "", err
	}
	return resolve.ParseHost(value)
}
