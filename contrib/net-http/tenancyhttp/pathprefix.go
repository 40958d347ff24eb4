package tenancyhttp

import (
	"context"
	"net/http"
	"net/url"
	"strings"

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
	m.Key = tenancy.IdentifierKey(value)
	m.Strip = escaped[:len(p)+len(value)]
	return m, validate(m.Key)
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
