package tenancyhttp

import (
	"net/http"
	"net/netip"
	"strings"
)

// The limits of a domain name (RFC 1035).
const (
	maxHostBytes  = 253
	maxLabelBytes = 63
)

// parseHost returns the host of a Host header or :authority in lower case,
// without its port and one trailing dot, and whether it is well-formed: a domain
// name of letters, digits and inner hyphens, or an IP address, of which ip is
// set. net/http lets more through, above all in HTTP/2.
func parseHost(authority string) (host string, ip, ok bool) {
	host = authority
	if rest, bracketed := strings.CutPrefix(authority, "["); bracketed {
		address, after, closed := strings.Cut(rest, "]")
		if port, has := strings.CutPrefix(after, ":"); !closed || has && !validPort(port) || !has && after != "" {
			return "", false, false
		}
		a, err := netip.ParseAddr(address)
		return address, true, err == nil && a.Is6() && a.Zone() == ""
	}
	if i := strings.IndexByte(host, ':'); i >= 0 {
		if !validPort(host[i+1:]) {
			return "", false, false
		}
		host = host[:i]
	}
	host = strings.TrimSuffix(host, ".")
	if !validDomain(host) {
		return "", false, false
	}
	host = strings.ToLower(host)
	if endsInNumber(host) {
		_, err := netip.ParseAddr(host)
		return host, true, err == nil
	}
	return host, false, true
}

// validDomain reports whether host consists of labels of letters, digits and
// inner hyphens, within the limits.
func validDomain(host string) bool {
	if len(host) > maxHostBytes {
		return false
	}
	for start := 0; ; {
		end := start
		for end < len(host) && host[end] != '.' {
			if !isLDH(host[end]) {
				return false
			}
			end++
		}
		if n := end - start; n == 0 || n > maxLabelBytes || host[start] == '-' || host[end-1] == '-' {
			return false
		}
		if end == len(host) {
			return true
		}
		start = end + 1
	}
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
	host, ip, ok := parseHost(domain)
	return ok && !ip && host == domain
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
	host, _, ok := parseHost(r.Host)
	return ok && host == strings.ToLower(strings.TrimSuffix(r.TLS.ServerName, "."))
}
