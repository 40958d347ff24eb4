package tenancyhttp

import (
	"net/http"
	"net/netip"
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
		m.Key, m.renamed = tenancy.IdentifierKey(label), renamedHost
		return m, m.Validate()
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

// The limits of a domain name (RFC 1035).
const (
	maxHostBytes  = 253
	maxLabelBytes = 63
)

// errHost is what every resolver that reads the host answers to one that is
// malformed.
var errHost = refuse("host", "is malformed")

// hostOf returns the host of r in lower case, without its port and one trailing
// dot, and whether it is well-formed: net/http lets more through, above all in
// HTTP/2. It is "" if r has none, or an IP address.
func hostOf(r *http.Request) (host string, ok bool) {
	if len(r.Header["Host"]) > 1 { // in HTTP/2, where net/http takes the first
		return "", false
	}
	return parseHost(r.Host)
}

// parseHost is hostOf for a Host header or :authority.
func parseHost(authority string) (host string, ok bool) {
	if rest, bracketed := strings.CutPrefix(authority, "["); bracketed {
		address, after, closed := strings.Cut(rest, "]")
		if port, has := strings.CutPrefix(after, ":"); !closed || has && !validPort(port) || !has && after != "" {
			return "", false
		}
		a, err := netip.ParseAddr(address)
		return "", err == nil && a.Is6() && a.Zone() == ""
	}
	host, port, has := strings.Cut(authority, ":")
	if has && !validPort(port) {
		return "", false
	}
	if host == "" {
		return "", true
	}
	host = strings.TrimSuffix(host, ".")
	if !validHost(host) {
		return "", false
	}
	host = strings.ToLower(host)
	if endsInNumber(host) {
		_, err := netip.ParseAddr(host)
		return "", err == nil
	}
	return host, true
}

// validHost reports whether host consists of labels of letters, digits, inner
// hyphens and underscores, within the limits.
func validHost(host string) bool {
	if len(host) > maxHostBytes {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if n := len(label); n == 0 || n > maxLabelBytes || label[0] == '-' || label[n-1] == '-' {
			return false
		}
		for i := range len(label) {
			if !isLDH(label[i]) && label[i] != '_' {
				return false
			}
		}
	}
	return true
}

// validDomain reports whether a host is a domain name too. Names of containers and
// services may have underscores; those have none.
func validDomain(host string) bool {
	return validHost(host) && strings.IndexByte(host, '_') < 0
}

func isLDH(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || isDigit(c) || c == '-'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// endsInNumber reports whether clients take host for an IPv4 address, in one of
// many forms, because of its last label (as in the URL standard of WHATWG). No
// top-level domain looks like that.
func endsInNumber(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	for i := range len(last) {
		if !isDigit(last[i]) {
			return false
		}
	}
	return true
}

func validPort(port string) bool {
	n := 0
	for i := range len(port) {
		if !isDigit(port[i]) || i >= 5 {
			return false
		}
		n = n*10 + int(port[i]-'0')
	}
	return n >= 1 && n <= 65535
}

// validBase is validDomain for the configuration: canonical already, and no IP
// address.
func validBase(domain string) bool {
	host, ok := parseHost(domain)
	return ok && host == domain && validDomain(host)
}

// validLabel reports whether label is one of a host in lower case.
func validLabel(label string) bool {
	return validDomain(label) && !strings.Contains(label, ".") && label == strings.ToLower(label)
}

// sniMatches reports whether the host of r is the one of its TLS handshake. A
// client that named none there has an IP address, or is old.
func sniMatches(r *http.Request) bool {
	if r.TLS == nil || r.TLS.ServerName == "" {
		return true
	}
	host, ok := hostOf(r)
	return ok && host == strings.ToLower(strings.TrimSuffix(r.TLS.ServerName, "."))
}
