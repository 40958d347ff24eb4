package tenancyhttp

import (
	"net/http"
	"strings"

	"github.com/go-tenancy/tenantstore/core/resolve"
)

// Subdomain reads the tenant from the host: exactly one label before the base
// domain, acme.example.com for base example.com. Only the Host of the request
// counts (in HTTP/2 :authority), without case, port and one trailing dot; see
// [TrustedProxies] for X-Forwarded-Host. Other hosts are:
//
//   - the base domain itself, reserved names, and what is no name on the Internet,
//     none at all (HTTP/1.0), an IP address, or a single label such as the name of
//     a container: [resolve.ErrAbsent]
//   - any other that is not below a base domain: [resolve.ErrMisdirected]
//   - malformed, sent twice, or with a label before the base that no tenant can
//     have, such as two labels: [tenancy.ErrInvalid]
//
// Domains are compared as they are sent: give international ones as A-labels
// (xn--…).
func Subdomain(base string, opts ...SubdomainOption) Resolver {
	s := &subdomain{Subdomains: resolve.Subdomains{Bases: []string{base}, Reserved: []string{"www"}}}
	for _, o := range opts {
		if o == nil {
			s.err = misconfigured("an option of Subdomain is nil")
			continue
		}
		o.applySubdomain(s)
	}
	return s
}

// SubdomainOption configures Subdomain.
type SubdomainOption interface{ applySubdomain(*subdomain) }

type subdomainOption func(*subdomain)

func (o subdomainOption) applySubdomain(s *subdomain) { o(s) }

// WithBases adds base domains. Of two that fit a host, the longest counts.
func WithBases(domains ...string) SubdomainOption {
	return subdomainOption(func(s *subdomain) { s.Bases = append(s.Bases, domains...) })
}

// WithReserved sets the labels that are no tenants: www alone by default.
func WithReserved(labels ...string) SubdomainOption {
	return subdomainOption(func(s *subdomain) { s.Reserved = labels })
}

type subdomain struct {
	resolve.Subdomains
	err error
}

func (s *subdomain) Resolve(r *http.Request) (Match, error) {
	m := named(resolve.NameSubdomain)
	host, err := hostOf(r)
	if err == nil {
		m.Key, err = s.Find(host)
	}
	if err == nil {
		m.renamed = renamedHost
	}
	return m, err
}

func (s *subdomain) check() error {
	if err := s.Validate(); err != nil {
		return misconfigured("Subdomain: %v", err)
	}
	return s.err
}

// errTwoHosts is for HTTP/2, where net/http takes the first.
var errTwoHosts = refuse("host", "was sent more than once")

// hostOf returns the host of r as [resolve.ParseHost] does: net/http lets through more,
// above all in HTTP/2.
func hostOf(r *http.Request) (string, error) {
	if len(r.Header["Host"]) > 1 {
		return "", errTwoHosts
	}
	return resolve.ParseHost(r.Host)
}

// sniMatches reports whether the host of r is the one of its TLS handshake. A
// client that named none there has an IP address, or is old.
func sniMatches(r *http.Request) bool {
	if r.TLS == nil || r.TLS.ServerName == "" {
		return true
	}
	host, err := hostOf(r)
	return err == nil && host == strings.ToLower(strings.TrimSuffix(r.TLS.ServerName, "."))
}
