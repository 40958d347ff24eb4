package resolve

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Subdomains finds the tenant whose identifier is the one label before a base domain:
// acme.example.com for base example.com.
type Subdomains struct {
	Bases    []string // of two that fit a host, the longest counts
	Reserved []string // labels that are no tenants
}

// Find returns the tenant that a host names, which [ParseHost] has returned. Other hosts are:
//
//   - a base domain itself, reserved names, and what is no name on the Internet, none at
//     all, an IP address, or a single label such as the name of a container: [ErrAbsent]
//   - any other that is not below a base domain: [ErrMisdirected]
//   - with a label before the base that no tenant can have: [tenancy.ErrInvalid]
func (s Subdomains) Find(host string) (tenancy.Key, error) {
	longest, label := -1, ""
	for _, base := range s.Bases {
		rest, below := strings.CutSuffix(host, base)
		if !below || len(base) <= longest {
			continue
		}
		before, dotted := strings.CutSuffix(rest, ".")
		if rest == "" || dotted { // evilexample.com is not below example.com
			longest, label = len(base), before
		}
	}
	switch {
	case longest == len(host), longest >= 0 && slices.Contains(s.Reserved, label):
		return tenancy.Key{}, ErrAbsent
	case longest >= 0:
		key := tenancy.IdentifierKey(label)
		return key, validate(key)
	case !strings.Contains(host, "."):
		return tenancy.Key{}, ErrAbsent
	}
	return tenancy.Key{}, ErrMisdirected
}

// Validate says what is wrong if a base is not a domain in lower case, in A-labels and
// without dots around it, or a reserved label not one that a host can have.
func (s Subdomains) Validate() error {
	for _, base := range s.Bases {
		if !validBase(base) {
			return fmt.Errorf("%q is not a domain in lower case, in A-labels and without dots around it", base)
		}
	}
	for _, label := range s.Reserved {
		if !validLabel(label) {
			return fmt.Errorf("%q is not a label in lower case that could be reserved", label)
		}
	}
	return nil
}

// FindDomain returns the ID of the tenant that has verified host, which [ParseHost] has
// returned, as a custom domain. For an unknown one, the error wraps [tenancy.ErrNotFound] and
// [ErrAbsent]. A host that is not a domain is not looked up, and is ErrAbsent.
func FindDomain(ctx context.Context, getter tenancy.DomainGetter, host string) (tenancy.Key, error) {
	if tenancy.ValidateDomain(host) != nil {
		return tenancy.Key{}, ErrAbsent
	}
	t, err := getter.GetByDomain(ctx, host)
	key := tenancy.IDKey(t.ID)
	if err == nil {
		err = validate(key) // not the client's fault
	}
	switch {
	case err == nil:
		return key, nil
	case errors.Is(err, tenancy.ErrNotFound) && !IsOutage(err):
		return tenancy.Key{}, fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	return tenancy.Key{}, AsOutage(err)
}

// The limits of a domain name (RFC 1035).
const (
	maxHostBytes  = 253
	maxLabelBytes = 63
)

// errHost is what every resolver that reads the host answers to one that is malformed.
var errHost = &tenancy.Error{Op: "Resolve", Field: "host", Err: fmt.Errorf("%w: is malformed", tenancy.ErrInvalid)}

// ParseHost returns the host of an authority (a Host header, or :authority of HTTP/2) in
// lower case, without its port and one trailing dot: "" if there is none, or an IP address.
// The error of one that is malformed wraps [tenancy.ErrInvalid].
func ParseHost(authority string) (host string, err error) {
	if host, ok := parseHost(authority); ok {
		return host, nil
	}
	return "", errHost
}

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
