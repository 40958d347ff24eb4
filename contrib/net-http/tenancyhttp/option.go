package tenancyhttp

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// The default of WithRetryAfter, and the longest time that it takes.
const (
	DefaultRetryAfter = resolve.DefaultRetryAfter
	MaxRetryAfter     = 24 * time.Hour
)

// Option configures NewMiddleware and NewWatcher.
type Option interface{ apply(*config) }

type option func(*config)

func (o option) apply(c *config) { o(c) }

type config struct {
	policy       resolve.Policy
	statuses     map[resolve.Outcome]int
	retryAfter   time.Duration
	maxStale     time.Duration
	challenge    string
	errorHandler ErrorHandler
	former       tenancy.Names // nil: nobody is redirected
	observer     resolve.Observer
	logger       *slog.Logger
	skipPaths    []string
	skips        []func(*http.Request) bool
	// The answers to preflight requests are without a body.
	skipPreflight bool
	strictSNI     bool
	err           error
}

func newConfig(opts []Option) *config {
	c := &config{
		statuses:     map[resolve.Outcome]int{},
		retryAfter:   DefaultRetryAfter,
		maxStale:     resolve.DefaultMaxStale,
		challenge:    "Bearer",
		errorHandler: func(w http.ResponseWriter, r *http.Request, p Problem) { p.ServeHTTP(w, r) },
		logger:       slog.Default(),
	}
	for _, o := range opts {
		if o == nil {
			c.fail("an option is nil")
			continue
		}
		o.apply(c)
	}
	c.err = errors.Join(c.err, c.policy.Validate())
	return c
}

func (c *config) fail(format string, args ...any) {
	c.err = errors.Join(c.err, misconfigured(format, args...))
}

// WithServed sets the statuses whose tenants are served: active alone by default.
// A status that package tenancy does not know is never served.
func WithServed(statuses ...tenancy.Status) Option {
	return option(func(c *config) {
		c.policy.Served = slices.Clone(statuses)
		if len(statuses) == 0 {
			c.fail("WithServed: no tenant would be served")
		}
	})
}

// WithHidden hides which tenants exist: a tenant that is not served, whatever its
// status, is answered exactly as one that does not exist, in status, headers and
// body, without Retry-After. How long an answer takes is not hidden: a name that
// no cache knows takes longer, whether it exists or not.
func WithHidden() Option {
	return option(func(c *config) { c.policy.Hidden = true })
}

// WithStatus sets the HTTP status of a refusal, for instance
// WithStatus(resolve.OutcomeDeleted, http.StatusGone). It must be one of 400 to 599, and
// for resolve.OutcomeUnavailable one of 500 to 599: an outage must not look like an
// answer. [WithHidden] goes before.
func WithStatus(o resolve.Outcome, status int) Option {
	return option(func(c *config) {
		least := http.StatusBadRequest
		switch {
		case o == resolve.OutcomeUnavailable:
			least = http.StatusInternalServerError
		case statuses[o] == 0:
			c.fail("WithStatus: %q is not an outcome that is refused", o)
		}
		if status < least || status > 599 {
			c.fail("WithStatus: %s cannot be answered with %d", o, status)
			return
		}
		c.statuses[o] = status
	})
}

// WithRetryAfter sets how long clients are told to wait after a 503, by the
// Retry-After header: a random time from d to twice d, so that they do not come
// back at once, in whole seconds, one at least. An error with a method RetryAfter()
// time.Duration, such as that of a circuit breaker, may ask for more. It must not
// be negative, and at most MaxRetryAfter. DefaultRetryAfter if not set.
func WithRetryAfter(d time.Duration) Option {
	return option(func(c *config) {
		if d < 0 || d > MaxRetryAfter {
			c.fail("WithRetryAfter: %v is not between 0 and %v", d, MaxRetryAfter)
			return
		}
		c.retryAfter = max(d, time.Second)
	})
}

// WithMaxStale sets how long the requests that a [Watcher] watches go on while the
// change log cannot be read; see [resolve.WithMaxStale]. The middleware does not use it.
func WithMaxStale(d time.Duration) Option {
	return option(func(c *config) { c.maxStale = d })
}

// WithChallenge sets the WWW-Authenticate header of a 401: Bearer by default. It
// must not be empty, nor have control characters.
func WithChallenge(challenge string) Option {
	return option(func(c *config) {
		if challenge == "" || strings.ContainsFunc(challenge, isControl) {
			c.fail("WithChallenge: %q is no WWW-Authenticate header", challenge)
			return
		}
		c.challenge = challenge
	})
}

// WithErrorHandler has h write the refusals.
func WithErrorHandler(h ErrorHandler) Option {
	return option(func(c *config) {
		if h == nil {
			c.fail("WithErrorHandler: it is nil")
			return
		}
		c.errorHandler = h
	})
}

// WithRedirectFormer redirects requests that name a former identifier of a tenant, by
// [Subdomain] or [PathPrefix], to the same place under its present one. The status is 308,
// which keeps method and body; caches must not keep the answer, since another tenant may
// get the identifier. names is a store with [tenancy.Names]. It does not redirect to a
// tenant that is not served, nor a request that also names a tenant in another way.
func WithRedirectFormer(names tenancy.Names) Option {
	return option(func(c *config) {
		if err := checkNames("WithRedirectFormer", names); err != nil {
			c.err = errors.Join(c.err, err)
			return
		}
		c.former = names
	})
}

// WithObserver has o told what became of each request; nil means nobody.
func WithObserver(o resolve.Observer) Option {
	return option(func(c *config) {
		if o != nil && driver.IsNil(o) {
			c.fail("WithObserver: the observer is a nil pointer")
			return
		}
		c.observer = o
	})
}

// WithLogger sets where refusals are logged, at most one line for each outcome
// and second: those that are the service's fault as errors, a store that was closed,
// as in a shutdown, as information, others for debugging.
// What a client sent is quoted and cut. slog.Default() unless set; nil logs
// nothing.
func WithLogger(l *slog.Logger) Option {
	return option(func(c *config) {
		if l == nil {
			l = slog.New(slog.DiscardHandler)
		}
		c.logger = l
	})
}

// WithOptional passes on requests that name no tenant, without a tenant in their
// context: the handlers must look. Requests that name one in a wrong way, or for
// a foreign host, are refused all the same.
func WithOptional() Option {
	return option(func(c *config) { c.policy.Optional = true })
}

// WithStrictSNI refuses TLS requests for another host than the one that the
// client asked for in the handshake, with 421: clients then repeat them over a
// connection of their own. Not for servers behind a proxy that ends TLS, or
// together with [TrustedProxies].
func WithStrictSNI() Option {
	return option(func(c *config) { c.strictSNI = true })
}

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
// send them without the application's headers. Anybody can send one, and not every
// handler looks at the method, so the answer goes out without its body.
func WithSkipPreflight() Option {
	return option(func(c *config) { c.skipPreflight = true })
}

func (c *config) skip(r *http.Request) bool {
	for _, skip := range c.skips {
		if skip(r) {
			return true
		}
	}
	if c.skipPreflight && isPreflight(r) {
		return true
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

func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// bodiless answers with a header alone. Browsers read no more of the answer to a preflight
// request. A file server answers OPTIONS as it does GET, and would give any tenant's file
// to a request that claims to be a preflight.
type bodiless struct{ http.ResponseWriter }

func (w bodiless) WriteHeader(status int) {
	w.Header().Del("Content-Length")
	w.ResponseWriter.WriteHeader(status)
}

func (w bodiless) Write(b []byte) (int, error) {
	w.Header().Del("Content-Length")
	return len(b), nil
}
