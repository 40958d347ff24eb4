package valkeytier

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// addresses returns ClientOption.InitAddress without the blanks around each, or an
// error that shows none: one may hold a password.
func addresses(given []string) ([]string, error) {
	if len(given) == 0 {
		return nil, invalid("ClientOption.InitAddress is empty")
	}
	all := make([]string, len(given))
	for i, address := range given {
		all[i] = strings.TrimSpace(address)
		if why := flawOfAddress(all[i]); why != "" {
			return nil, invalid(fmt.Sprintf("ClientOption.InitAddress[%d] must be host:port: %s", i, why))
		}
	}
	return all, nil
}

// flawOfAddress says why address is none, or nothing.
func flawOfAddress(address string) string {
	host, port, err := net.SplitHostPort(address)
	switch {
	case address == "":
		return "it is empty"
	case strings.Contains(address, "://"):
		return "it is a URL, of which valkey.ParseURL makes a ClientOption"
	case strings.Contains(address, "@"):
		return `it holds an "@": the user belongs into Username and Password`
	case strings.ContainsAny(address, "\"'`"):
		return "it holds a quotation mark"
	case strings.Contains(address, ","):
		return "it holds a comma: each server has an address of its own"
	case strings.Contains(address, "/"):
		return `it holds a "/": the number of the database belongs into SelectDB, and a socket needs a DialCtxFn`
	case strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return "it holds a blank, a line break or another control character"
	case err != nil && strings.Contains(err.Error(), "missing port"):
		return "the port is missing"
	case err != nil:
		return "an IPv6 address needs brackets, as in [::1]:6379"
	case host == "":
		return "the host is missing"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "the port must be a number from 1 to 65535"
	}
	return ""
}
