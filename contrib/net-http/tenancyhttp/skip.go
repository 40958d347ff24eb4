package tenancyhttp

import (
	"net/http"
	"path"
	"strings"
)

// WithSkipPaths passes on the requests for these paths without a tenant, such as
// health checks. As in [http.ServeMux], a path that ends with a slash stands for
// everything below it, by whole segments, and any other for itself alone:
//
//	WithSkipPaths("/healthz", "/static/")
//
// Paths are compared as they were sent, percent-encoding included. One that is
// not clean (/static/../admin, //healthz) or encoded in another way is not
// skipped: a router might read it differently.
func WithSkipPaths(paths ...string) Option {
	return option(func(c *config) {
		for _, p := range paths {
			if !strings.HasPrefix(p, "/") || !isClean(p) {
				c.fail("WithSkipPaths: %q is not a clean path that begins with a slash", p)
			}
		}
		c.skipPaths = append(c.skipPaths, paths...)
	})
}

// WithSkip passes on the requests for which skip returns true, without a tenant.
func WithSkip(skip func(r *http.Request) bool) Option {
	return option(func(c *config) {
		if skip == nil {
			c.fail("WithSkip: the function is nil")
			return
		}
		c.skips = append(c.skips, skip)
	})
}

// WithSkipPreflight passes on CORS preflight requests without a tenant: browsers
// send them without the application's headers.
func WithSkipPreflight() Option {
	return WithSkip(func(r *http.Request) bool {
		return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
	})
}

func (c *config) skip(r *http.Request) bool {
	for _, skip := range c.skips {
		if skip(r) {
			return true
		}
	}
	if len(c.skipPaths) == 0 {
		return false
	}
	escaped := r.URL.EscapedPath()
	if !isClean(escaped) || hasDots(r.URL.Path) {
		return false
	}
	for _, p := range c.skipPaths {
		if escaped == p || strings.HasSuffix(p, "/") && strings.HasPrefix(escaped, p) {
			return true
		}
	}
	return false
}

// isClean reports whether p is what path.Clean makes of it, but for a slash at
// the end.
func isClean(p string) bool {
	clean := path.Clean(p)
	return p == clean || len(p) == len(clean)+1 && p[:len(clean)] == clean && p[len(clean)] == '/'
}

// hasDots reports whether a decoded path has a segment . or .., also one that was
// encoded.
func hasDots(p string) bool {
	for segment := range strings.SplitSeq(p, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}
