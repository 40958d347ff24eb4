package tenancyhttp

import (
	"net/http"
	"net/url"
	"strings"
)

// WithSkipPaths passes on the requests for these paths without a tenant, such as
// health checks. As in [http.ServeMux], a path that ends with a slash stands for
// everything below it, by whole segments, and any other for itself alone:
//
//	WithSkipPaths("/healthz", "/static/")
//
// Paths are compared as they were sent, percent-encoding included. One that is
// not clean (/static/../admin, //healthz; see [IsCleanPath]) or encoded in another
// way is not skipped: a router might read it differently.
func WithSkipPaths(paths ...string) Option {
	return option(func(c *config) {
		for _, p := range paths {
			if u, err := url.ParseRequestURI(p); err != nil || !strings.HasPrefix(p, "/") || !IsCleanPath(u) || u.EscapedPath() != p {
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
	if !IsCleanPath(r.URL) {
		return false
	}
	escaped := r.URL.EscapedPath()
	for _, p := range c.skipPaths {
		if escaped == p || strings.HasSuffix(p, "/") && strings.HasPrefix(escaped, p) {
			return true
		}
	}
	return false
}
