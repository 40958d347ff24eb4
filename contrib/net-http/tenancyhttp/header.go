package tenancyhttp

import (
	"net/http"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"net/textproto"
	"strings"
)

// Header reads the tenant from a header of the request, such as X-Tenant-ID: for
// clients that are trusted with it, or together with what proves it (see
// [Agree]). Anybody can send a header: behind a proxy that sets it, take it from
// others with [TrustedProxies].
//
// No such header is [resolve.ErrAbsent]. One that is empty, sent twice or holds a list is
// refused. Responses vary by it.
func Header(name string, opts ...KeyOption) Resolver {
	return header{textproto.CanonicalMIMEHeaderKey(name), newKeyConfig(opts, name)}
}

type header struct {
	name string // canonical
	keyConfig
}

func (h header) Resolve(r *http.Request) (Match, error) {
	switch values := r.Header[h.name]; len(values) {
	case 0:
		return named(resolve.NameHeader), resolve.ErrAbsent
	case 1:
		if strings.IndexByte(values[0], ',') >= 0 {
			return named(resolve.NameHeader), refuse("header", "holds a list")
		}
		return h.match(resolve.NameHeader, values[0])
	}
	return named(resolve.NameHeader), refuse("header", "was sent more than once")
}

func (h header) Vary() []string { return h.vary }

func (h header) check() error {
	if !validHeaderName(h.name) {
		return misconfigured("Header: %q cannot name a tenant", h.name)
	}
	return h.err
}

// validHeaderName also refuses Host, which net/http keeps elsewhere, and the
// headers that are for one hop only.
func validHeaderName(name string) bool {
	switch name {
	case "", "Host", "Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return false
	}
	for i := range len(name) {
		if c := name[i]; !isLDH(c) && c != '_' {
			return false
		}
	}
	return true
}

func isLDH(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-'
}
