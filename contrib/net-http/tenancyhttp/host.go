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
