package tenancyhttp

import (
	"errors"
	"net/http"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"
)

// TrustedProxies returns a middleware that believes what reverse proxies say, and
// nobody else: a peer is trusted if its address lies in one of the prefixes. Put
// it before everything that looks at the request, since it goes by the RemoteAddr
// of the connection. Without options it does nothing. If an argument is wrong, the
// error wraps [tenancy.ErrInvalid].
func TrustedProxies(trusted []netip.Prefix, opts ...ProxyOption) (func(next http.Handler) http.Handler, error) {
	p := &proxies{trusted: slices.Clone(trusted)}
	for _, o := range opts {
		if o == nil {
			p.fail("an option is nil")
			continue
		}
		o.applyProxy(p)
	}
	for _, prefix := range trusted {
		if !prefix.IsValid() {
			p.fail("a prefix is not valid")
		}
	}
	if p.err != nil {
		return nil, p.err
	}
	return func(next http.Handler) http.Handler {
		next = required(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for _, name := range p.only {
				addVary(w.Header(), name)
			}
			next.ServeHTTP(w, p.believe(r))
		})
	}, nil
}

func (p *proxies) fail(format string, args ...any) {
	p.err = errors.Join(p.err, misconfigured("TrustedProxies: "+format, args...))
}

// ProxyOption configures TrustedProxies.
type ProxyOption interface{ applyProxy(*proxies) }

type proxyOption func(*proxies)

func (o proxyOption) applyProxy(p *proxies) { o(p) }

type proxies struct {
	trusted    []netip.Prefix
	unix       bool
	hostHeader string
	hop        int
	only       []string // headers that only trusted peers may send, canonical
	err        error
}

// maxHops is more proxies than any request passes.
const maxHops = 100

// WithHostFrom takes the host of requests from a header, such as
// X-Forwarded-Host, that every trusted proxy sets. With hop 0 it must hold one
// value. If proxies append theirs to a list, hop is the place from the right of
// the value to take: 1 for the last, which the nearest proxy has added.
//
// If the header is missing, or has fewer values, the request has no host, and so no
// tenant from it: the client may have had the header removed, by naming it in
// Connection. A hop is at most 100. What else is in the header is taken as if it were in Host, and refused by
// the resolvers if it is malformed, or more than one value for hop 0. The header
// Forwarded (RFC 7239) is not supported.
func WithHostFrom(header string, hop int) ProxyOption {
	return proxyOption(func(p *proxies) {
		p.protect("WithHostFrom", header)
		switch {
		case p.hostHeader != "":
			p.fail("WithHostFrom: only one header can have the host")
		case hop < 0 || hop > maxHops:
			p.fail("WithHostFrom: hop %d is not one of 0 to %d", hop, maxHops)
		case strings.EqualFold(header, "Forwarded"):
			p.fail("WithHostFrom: Forwarded is not supported")
		}
		p.hostHeader, p.hop = textproto.CanonicalMIMEHeaderKey(header), hop
	})
}

// WithProxyHeaders removes these headers, such as X-Tenant-ID, from the requests
// of all but trusted peers. The proxy must replace what its client sends.
func WithProxyHeaders(names ...string) ProxyOption {
	return proxyOption(func(p *proxies) {
		for _, name := range names {
			p.protect("WithProxyHeaders", name)
		}
	})
}

// WithUnixSocket trusts the peers of Unix domain sockets, which have no address.
func WithUnixSocket() ProxyOption {
	return proxyOption(func(p *proxies) { p.unix = true })
}

func (p *proxies) protect(option, name string) {
	name = textproto.CanonicalMIMEHeaderKey(name)
	if !validHeaderName(name) {
		p.fail("%s: %q is not the name of a header that can be used", option, name)
	}
	p.only = append(p.only, name)
}

// believe returns r with what is to be believed.
func (p *proxies) believe(r *http.Request) *http.Request {
	trusted := p.trusts(r.RemoteAddr)
	host := r.Host
	if trusted && p.hostHeader != "" {
		host = p.hostOf(r.Header[p.hostHeader])
	}
	forged := !trusted && slices.ContainsFunc(p.only, func(name string) bool { return len(r.Header[name]) > 0 })
	if host == r.Host && !forged {
		return r
	}
	r = r.WithContext(r.Context()) // a copy
	r.Host = host
	if forged {
		r.Header = r.Header.Clone()
		for _, name := range p.only {
			delete(r.Header, name)
		}
	}
	return r
}

func (p *proxies) trusts(peer string) bool {
	if peer == "" || strings.HasPrefix(peer, "@") || strings.HasPrefix(peer, "/") {
		return p.unix
	}
	address, err := netip.ParseAddrPort(peer)
	if err != nil {
		return false
	}
	ip := address.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(p.trusted, func(prefix netip.Prefix) bool { return prefix.Contains(ip) })
}

// hostOf returns the host that the lines of the header name, or "" if they are too
// few. It need not be well-formed: the resolvers look.
func (p *proxies) hostOf(lines []string) string {
	all := strings.Join(lines, ",")
	if p.hop == 0 {
		return all
	}
	values := strings.Split(all, ",")
	if p.hop > len(values) {
		return ""
	}
	return textproto.TrimString(values[len(values)-p.hop])
}
