package tenancyhttp

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// PathPrefix reads the tenant from the segment of the path after prefix, which
// begins and ends with a slash: /t/acme/orders for prefix "/t/", /acme/orders
// for "/". The next handler sees the rest, /orders, in URL.Path and URL.RawPath;
// [PrefixFromContext] gives what was taken away, to make links with. As behind
// [http.StripPrefix], the redirects of an [http.ServeMux] lack it: one from /orders
// to /orders/ leads out of the tenant.
//
// A path elsewhere, or without the segment, is [resolve.ErrAbsent]. One that is not clean
// is refused, whatever it begins with; see [IsCleanPath].
func PathPrefix(prefix string) Resolver { return pathPrefix(prefix) }

type pathPrefix string

func (p pathPrefix) Resolve(r *http.Request) (Match, error) {
	m := named(resolve.NamePathPrefix)
	if !IsCleanPath(r.URL) {
		return m, errUnclean
	}
	escaped := r.URL.EscapedPath()
	rest, ok := strings.CutPrefix(escaped, string(p))
	if !ok && strings.HasPrefix(r.URL.Path, string(p)) { // /t%2Facme
		return m, errUnclean
	}
	if rest == "" || !ok {
		return m, resolve.ErrAbsent
	}
	value, _, _ := strings.Cut(rest, "/")
	m.Key, m.renamed = tenancy.IdentifierKey(value), renamedPath
	m.Strip = escaped[:len(p)+len(value)]
	return m, m.Validate()
}

func (p pathPrefix) check() error {
	s := string(p)
	u := &url.URL{Path: s}
	if !strings.HasPrefix(s, "/") || !strings.HasSuffix(s, "/") || !IsCleanPath(u) || u.EscapedPath() != s {
		return misconfigured("PathPrefix: %q does not begin and end with a slash, is not clean, or needs percent-encoding", s)
	}
	return nil
}

// PrefixFromContext returns what [PathPrefix] took away from the beginning of the
// path, such as /t/acme, or "".
func PrefixFromContext(ctx context.Context) string {
	prefix, _ := ctx.Value(prefixKey{}).(string)
	return prefix
}

type prefixKey struct{}

// prefixContext is context.WithValue with one allocation less.
type prefixContext struct {
	context.Context
	prefix string
}

func (c *prefixContext) Value(key any) any {
	if key == (prefixKey{}) {
		return c.prefix
	}
	return c.Context.Value(key)
}

// PathValue reads the tenant from a wildcard of the route: for the pattern
// /tenants/{tenant}/orders, it is PathValue("tenant"). The middleware must be
// inside the route, around its handler: before the [http.ServeMux] there are no
// path values, and every request is refused.
//
// A path that is not clean, in whatever segment, is refused; see [IsCleanPath]. A
// file server behind /files/{tenant}/{rest...} would read a file of globex for
// /files/acme/%2e%2e/globex.
func PathValue(name string, opts ...KeyOption) Resolver {
	return pathValue{name, newKeyConfig(opts)}
}

type pathValue struct {
	name string
	keyConfig
}

func (p pathValue) Resolve(r *http.Request) (Match, error) {
	if !IsCleanPath(r.URL) {
		return named(resolve.NamePathValue), errUnclean
	}
	value := r.PathValue(p.name)
	if value == "" {
		return named(resolve.NamePathValue), resolve.ErrAbsent
	}
	// ServeMux has decoded it; chi has not if the URL has a RawPath. Nothing in a
	// clean path can be decoded twice.
	if decoded, err := url.PathUnescape(value); err == nil && r.URL.RawPath != "" {
		value = decoded
	}
	return p.match(resolve.NamePathValue, value)
}

func (p pathValue) Vary() []string { return p.vary }

func (p pathValue) check() error {
	if p.name == "" || strings.ContainsAny(p.name, "{}/") || strings.HasSuffix(p.name, "...") {
		return misconfigured("PathValue: %q is not the name of a wildcard", p.name)
	}
	return p.err
}

// errUnclean is what every resolver that reads the path answers to one that is not
// clean.
var errUnclean = refuse("path", "is not clean")

// IsCleanPath reports whether routers, file servers, proxies and browsers all read
// the same segments in the path of u. Resolvers of your own that read the path
// refuse others, as [PathPrefix] and [PathValue] do. A path is not clean if
//
//   - a segment is empty, . or .., as it was sent (//, /../) or decoded (%2e%2e,
//     ..%2f, %2f%2f), where a backslash counts as a slash, and what follows a
//     semicolon does not count (/..;/)
//   - something in it is still percent-encoded after it was decoded (%252e)
//   - it has a control character, or bytes that are not UTF-8
//   - a letter, digit, hyphen, period or underscore is percent-encoded: no client
//     needs that, and not every router decodes it
//   - u.Path and u.RawPath are of two paths, because a handler has changed one of
//     them only
//
// A slash at the end is no empty segment, and one that is encoded may stand between
// two segments. Targets without a path are clean: *, host:port of CONNECT,
// http://host.
func IsCleanPath(u *url.URL) bool {
	if u.RawPath != "" {
		path, err := url.PathUnescape(u.RawPath)
		if err != nil || path != u.Path || encodes(u.RawPath, isPlain) {
			return false
		}
	}
	if u.Path == "" || u.Path == "*" {
		return true
	}
	rest, rooted := strings.CutPrefix(u.Path, "/")
	if !rooted || !utf8.ValidString(rest) || encodes(rest, isAny) || strings.ContainsFunc(rest, isControl) {
		return false
	}
	for rest != "" {
		segment := rest
		if i := strings.IndexAny(rest, `/\`); i >= 0 {
			segment, rest = rest[:i], rest[i+1:]
		} else {
			rest = ""
		}
		switch name, _, _ := strings.Cut(segment, ";"); name {
		case "", ".", "..":
			return false
		}
	}
	return true
}

// encodes reports whether path has a byte of this kind in percent-encoding.
func encodes(path string, kind func(byte) bool) bool {
	for i := range len(path) - 2 {
		if path[i] != '%' {
			continue
		}
		if b, err := url.PathUnescape(path[i : i+3]); err == nil && kind(b[0]) {
			return true
		}
	}
	return false
}

// isPlain is true of what RFC 3986 calls unreserved, but for ~, which old clients
// encode.
func isPlain(c byte) bool { return isLDH(c) || c == '.' || c == '_' }

func isAny(byte) bool { return true }

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// strips reports whether prefix is what u's path begins with, as whole segments
// and in both of its forms.
func strips(u *url.URL, prefix string) bool {
	return beginsWith(u.Path, prefix) && (u.RawPath == "" || beginsWith(u.RawPath, prefix))
}

func beginsWith(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// stripped returns u without the prefix that strips has seen.
func stripped(u *url.URL, prefix string) *url.URL {
	short := *u
	short.Path = rooted(u.Path[len(prefix):])
	if u.RawPath != "" {
		short.RawPath = rooted(u.RawPath[len(prefix):])
	}
	return &short
}

func rooted(path string) string {
	if path == "" {
		return "/"
	}
	return path
}
