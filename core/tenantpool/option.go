package tenantpool

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/go-tenancy/tenantstore/core/resolve"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// The values of options that are not given.
const (
	DefaultMax         = 50
	DefaultIdle        = 5 * time.Minute
	DefaultDrain       = 30 * time.Second
	DefaultOpenTimeout = 10 * time.Second
)

type config struct {
	max         int
	idle        time.Duration
	drain       time.Duration
	openTimeout time.Duration
	key         func(tenancy.Tenant) any
	policy      resolve.Policy
	maxStale    time.Duration
	logger      *slog.Logger
	err         error // of the first option that makes no sense
}

func newConfig(opts []Option) (config, error) {
	c := config{
		max: DefaultMax, idle: DefaultIdle, drain: DefaultDrain, openTimeout: DefaultOpenTimeout,
		key: location, maxStale: resolve.DefaultMaxStale, logger: slog.Default(),
	}
	for i, o := range opts {
		if o == nil {
			return c, invalid(fmt.Sprintf("option %d is nil", i+1))
		}
		o.apply(&c)
	}
	return c, c.err
}

func invalid(why string) error {
	return &tenancy.Error{Op: "New", Err: fmt.Errorf("%w: tenantpool: %s", tenancy.ErrInvalid, why)}
}

// location is the key unless WithKey says otherwise.
func location(t tenancy.Tenant) any {
	return struct {
		url       tenancy.Secret
		schema    string
		isolation tenancy.Isolation
	}{t.DatabaseURL, t.SchemaName, t.Isolation}
}

// Option configures New, which fails with [tenancy.ErrInvalid] if an option is nil or has an
// invalid value.
type Option interface{ apply(*config) }

type option func(*config)

func (o option) apply(c *config) { o(c) }

// check returns an option that sets something if it makes sense.
func check(ok bool, why string, set func(*config)) Option {
	return option(func(c *config) {
		if set(c); !ok && c.err == nil {
			c.err = invalid(why)
		}
	})
}

// WithMax sets how many resources there may be, those that are being opened or closed
// included. When a connection pool per tenant is limited to m connections, there are at
// most n × m.
func WithMax(n int) Option {
	return check(n > 0, "WithMax: the number must be positive", func(c *config) { c.max = n })
}

// WithIdle sets after how long an unused resource is closed: after d, and before 1.5 d are
// over. If d is negative, it stays open until its place is needed.
func WithIdle(d time.Duration) Option {
	return check(d != 0, "WithIdle: it must not be 0, at which nothing stays open", func(c *config) { c.idle = d })
}

// WithDrain sets how long a resource that must go waits for its leases to be released. It
// should be longer than any request.
func WithDrain(d time.Duration) Option {
	return check(d >= 0, "WithDrain: it must not be negative", func(c *config) { c.drain = d })
}

// WithOpenTimeout sets when the context of an open ends.
func WithOpenTimeout(d time.Duration) Option {
	return check(d > 0, "WithOpenTimeout: it must be positive", func(c *config) { c.openTimeout = d })
}

// WithKey sets what a resource depends on: when key returns another value for a tenant, a
// new one is opened. Without it, the key is DatabaseURL, SchemaName and Isolation. The
// values must be comparable, and key must be quick: the pool is locked meanwhile.
func WithKey(key func(tenancy.Tenant) any) Option {
	return check(key != nil, "WithKey: the function is nil", func(c *config) { c.key = key })
}

// WithServed sets the statuses whose tenants get resources; it should be what the requests
// are served by. Active alone unless given.
func WithServed(statuses ...tenancy.Status) Option {
	return check(len(statuses) > 0, "WithServed: there is no status", func(c *config) { c.policy.Served = slices.Clone(statuses) })
}

// WithMaxStale sets for how long resources are in use while the change log cannot be read;
// see [resolve.WithMaxStale].
func WithMaxStale(d time.Duration) Option {
	return check(d != 0, "WithMaxStale: it must not be 0", func(c *config) { c.maxStale = d })
}

// WithLogger sets where it is logged that the change log cannot be followed, that a resource
// was closed while it was in use, and that one could not be closed. slog.Default() unless set;
// nil logs nothing.
func WithLogger(l *slog.Logger) Option {
	return option(func(c *config) {
		if l == nil {
			l = slog.New(slog.DiscardHandler)
		}
		c.logger = l
	})
}
