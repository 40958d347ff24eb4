package tenancyhttp

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
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
	s := &subdomain{bases: []string{base}, reserved: []string{"www"}}
	for _, o := range opts {
		if o == nil {
			s.err = misconfigured("an option of Subdomain is nil")
			continue
		}
		o.applySubdomain(s)
	}
	slices.SortStableFunc(s.bases, func(a, b string) int { return len(b) - len(a) }) // longest first
	return s
}

// SubdomainOption configures Subdomain.
type SubdomainOption interface{ applySubdomain(*subdomain) }

type subdomainOption func(*subdomain)

func (o subdomainOption) applySubdomain(s *subdomain) { o(s) }

// WithBases adds base domains. Of two that fit a host, the longest counts.
func WithBases(domains ...string) SubdomainOption {
	return subdomainOption(func(s *subdomain) { s.bases = append(s.bases, domains...) })
}

// WithReserved sets the labels that are no tenants: www alone by default.
func WithReserved(labels ...string) SubdomainOption {
	return subdomainOption(func(s *subdomain) { s.reserved = labels })
}

type subdomain struct {
	bases    []string // longest first
	reserved []string
	err      error
}

func (s *subdomain) Resolve(r *http.Request) (Match, error) {
	m := named(resolve.NameSubdomain)
	host, ok := hostOf(r)
	if !ok {
		return m, errHost
	}
	for _, base := range s.bases {
		rest, below := strings.CutSuffix(host, base)
		if !below {
			continue
		}
		if rest == "" {
			return m, resolve.ErrAbsent
		}
		label, dotted := strings.CutSuffix(rest, ".")
		if !dotted { // evilexample.com is not below example.com
			continue
		}
		if slices.Contains(s.reserved, label) {
			return m, resolve.ErrAbsent
		}
		m.Key = tenancy.IdentifierKey(label)
		return m, validate(m.Key)
	}
	if !strings.Contains(host, ".") {
		return m, resolve.ErrAbsent
	}
	return m, resolve.ErrMisdirected
}

func (s *subdomain) check() error {
	for _, base := range s.bases {
		if !validBase(base) {
			return misconfigured("Subdomain: %q is not a domain in lower case, in A-labels and without dots around it", base)
		}
	}
	for _, label := range s.reserved {
		if !validLabel(label) {
			return misconfigured("Subdomain: %q is not a label in lower case that could be reserved", label)
		}
	}
	return s.err
}
