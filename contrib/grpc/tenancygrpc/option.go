package tenancygrpc

import (
	"errors"
	"log/slog"
	"strings"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// Option configures NewInterceptors.
type Option interface{ apply(*config) }

type option func(*config)

func (o option) apply(c *config) { o(c) }

type config struct {
	policy   resolve.Policy
	observer resolve.Observer
	watcher  *resolve.Watcher
	logger   *slog.Logger
	skipped  []string
	err      error
}

func newConfig(opts []Option) *config {
	c := &config{logger: slog.Default()}
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

// WithPolicy sets whom to serve: active tenants unless set.
func WithPolicy(p resolve.Policy) Option {
	return option(func(c *config) { c.policy = p })
}

// WithObserver has o told what became of each call; nil means nobody.
func WithObserver(o resolve.Observer) Option {
	return option(func(c *config) {
		if o != nil && driver.IsNil(o) {
			c.fail("WithObserver: the observer is a nil pointer")
			return
		}
		c.observer = o
	})
}

// WithWatcher ends streams when w says so: when their tenant is no longer served, or has
// changed as [resolve.WithKey] says, or when that has not been known for too long. Give w the
// policy of the interceptors, and close it before the store. Each stream then costs a second
// lookup and a goroutine. A unary call is not watched.
//
// The context of such a stream ends as [resolve.Watcher.Watch] says, and its RecvMsg and SendMsg
// fail. The client gets the code of what its tenant is now; UNAVAILABLE if a new stream may be
// served. If the handler waits for its client at that moment, the stream ends at once and the
// handler returns a little later; otherwise the stream ends when the handler returns.
func WithWatcher(w *resolve.Watcher) Option {
	return option(func(c *config) {
		if w == nil {
			c.fail("WithWatcher: it is nil")
			return
		}
		c.watcher = w
	})
}

// WithLogger sets where refusals are logged, as [resolve.RefusalLog] does. slog.Default()
// unless set; nil logs nothing.
func WithLogger(l *slog.Logger) Option {
	return option(func(c *config) {
		if l == nil {
			l = slog.New(slog.DiscardHandler)
		}
		c.logger = l
	})
}

// WithSkipMethods passes on the calls of these methods without a tenant, such as health
// checks. A name that ends with a slash stands for all methods of a service:
//
//	WithSkipMethods("/grpc.health.v1.Health/Check", "/grpc.reflection.v1.ServerReflection/")
func WithSkipMethods(names ...string) Option {
	return option(func(c *config) {
		for _, name := range names {
			service, _, ok := strings.Cut(strings.TrimPrefix(name, "/"), "/")
			if !ok || service == "" || name[0] != '/' || strings.Count(name, "/") != 2 {
				c.fail("WithSkipMethods: %q is neither /service/method nor /service/", name)
			}
		}
		c.skipped = append(c.skipped, names...)
	})
}

func (c *config) skips(method string) bool {
	for _, name := range c.skipped {
		if method == name || strings.HasSuffix(name, "/") && strings.HasPrefix(method, name) {
			return true
		}
	}
	return false
}
