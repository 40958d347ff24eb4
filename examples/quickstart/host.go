package main

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// splitHost returns the host of an HTTP Host header in lower case, without its
// port, one trailing dot or the brackets of an IPv6 address, and whether it is
// well-formed.
func splitHost(header string) (host string, ok bool) {
	host = header
	if strings.HasPrefix(host, "[") || strings.Contains(host, ":") {
		if strings.HasSuffix(host, "]") {
			host += ":80" // brackets without a port: SplitHostPort wants one
		}
		name, port, err := net.SplitHostPort(host)
		if err != nil {
			return "", false
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", false
		}
		if _, err := netip.ParseAddr(name); strings.HasPrefix(host, "[") && err != nil {
			return "", false
		}
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return host, validHost(host) || isIP(host)
}

// validHost reports whether host is a domain name in lower case: labels of 1 to
// 63 letters, digits and inner hyphens, 253 bytes at most.
func validHost(host string) bool {
	if len(host) > 253 {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	return true
}

func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
