package tier

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/go-tenancy/tenantstore/core/internal/nilvalue"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Option configures New. New fails with [tenancy.ErrInvalid] if an option is nil, has an
// invalid value or does not apply. An option of the cache is for the cache that New adds.
// An option of the stack is given once, to the New that begins the stack. To disable a
// limit in time, give a duration of many years.
type Option interface{ apply(*config) error }

// cacheConfig holds the options of one cache.
type cacheConfig struct {
	ttl, negativeTTL time.Duration
	refreshAhead     float64       // of a local one
	leaseWait        time.Duration // of a shared one
}

// config holds the options of one call of New.
type config struct {
	cache cacheConfig
	given []string // options of the stack
	kind  kind     // of the cache

	maxStale      time.Duration // 0: not given
	followTimeout time.Duration
	loadTimeout   time.Duration
	maxLoads      int
	bus           Bus
	uncoordinated bool
	logger        *slog.Logger
}

type kind string

const (
	localKind  kind = "local"
	sharedKind kind = "shared"
)

func newConfig(of kind, opts []Option) (config, error) {
	c := config{
		cache: cacheConfig{
			ttl:          time.Hour,
			negativeTTL:  10 * time.Second,
			refreshAhead: 0.8,
			leaseWait:    100 * time.Millisecond,
		},
		kind:          of,
		followTimeout: 2 * time.Second,
		loadTimeout:   10 * time.Second,
		maxLoads:      128,
		logger:        slog.Default(),
	}
	for i, opt := range opts {
		if opt == nil {
			return c, invalid("option %d is nil", i+1)
		}
		if err := opt.apply(&c); err != nil {
			return c, err
		}
	}
	return c, nil
}

func invalid(why string, args ...any) error {
	return &tenancy.Error{Op: "New", Err: fmt.Errorf("%w: tier: "+why, append([]any{tenancy.ErrInvalid}, args...)...)}
}

func refused(why string) error {
	return &tenancy.Error{Op: "New", Err: fmt.Errorf("%w: tier: %s", errors.ErrUnsupported, why)}
}

type option func(*config) error

func (o option) apply(c *config) error { return o(c) }

// ofCache returns an option of the cache, for both kinds unless one is named. err is what is
// wrong with its value, or nil.
func ofCache(name string, only kind, err error, set func(*cacheConfig)) Option {
	return option(func(c *config) error {
		if only != "" && only != c.kind {
			return invalid("%s is for a %s cache, and this one is %s", name, only, c.kind)
		}
		set(&c.cache)
		return err
	})
}

// ofStack returns an option of the stack. err is what is wrong with its value, or nil.
func ofStack(name string, err error, set func(*config)) Option {
	return option(func(c *config) error {
		if slices.Contains(c.given, name) {
			return invalid("%s is given twice", name)
		}
		c.given = append(c.given, name)
		set(c)
		return err
	})
}

func positive(name string, d time.Duration) error {
	if d > 0 {
		return nil
	}
	return invalid("%s must be positive, not %v", name, d)
}

func check(ok bool, why string, args ...any) error {
	if ok {
		return nil
	}
	return invalid(why, args...)
}

// minTTL is long beside the tick of the clock by which entries end.
const minTTL = 500 * time.Millisecond

// WithTTL sets how long an entry is kept at most: 1 hour by default. It varies by a tenth,
// so that entries made together do not expire together. Coherence does not depend on it; it
// bounds memory and the effect of a bug. It is an option of the cache.
func WithTTL(d time.Duration) Option {
	return ofCache("WithTTL", "", positive("WithTTL", d), func(c *cacheConfig) { c.ttl = max(d, minTTL) })
}

// WithNegativeTTL sets how long a negative entry is kept at most: 10 s by default. It is an
// option of the cache.
func WithNegativeTTL(d time.Duration) Option {
	return ofCache("WithNegativeTTL", "", positive("WithNegativeTTL", d), func(c *cacheConfig) { c.negativeTTL = max(d, minTTL) })
}

// WithRefreshAhead sets the fraction of its TTL after which a hit reloads an entry in the
// background: 0.8 by default, 1 for never. It is an option of a local cache.
func WithRefreshAhead(part float64) Option {
	err := check(part > 0 && part <= 1, "WithRefreshAhead must be above 0, and 1 at most, not %v", part)
	return ofCache("WithRefreshAhead", localKind, err, func(c *cacheConfig) { c.refreshAhead = max(part, 0.1) })
}

// WithLeaseWait sets how long a lookup waits for another process that has taken
// the lease to fill a shared cache: 100 ms by default. Then it reads the database
// itself. It is an option of a shared cache.
func WithLeaseWait(d time.Duration) Option {
	err := check(d >= 0, "WithLeaseWait must be 0 or more, not %v", d)
	return ofCache("WithLeaseWait", sharedKind, err, func(c *cacheConfig) { c.leaseWait = d })
}

// WithMaxStale sets how long entries are served while the change log cannot be read: 5
// minutes by default. After that every lookup goes to the database. A negative duration
// means for ever: an outage of the database then never stops cached tenants from being
// served, including suspended ones. It should be a multiple of the store's poll interval,
// which is how often contact is made. It is an option of the stack.
func WithMaxStale(d time.Duration) Option {
	err := check(d != 0, "WithMaxStale must not be 0, at which nothing is ever served")
	return ofStack("WithMaxStale", err, func(c *config) { c.maxStale = d })
}

// WithFollowTimeout bounds the read of one page of the log: 2 s by default, and up to eight
// times that after reads that took longer. A write waits as long as each page arrives
// within twice this time, or for a quarter of a second once its context has ended; after
// that, nothing is served from caches until the log has been read. It is an option of the
// stack.
func WithFollowTimeout(d time.Duration) Option {
	return ofStack("WithFollowTimeout", positive("WithFollowTimeout", d), func(c *config) { c.followTimeout = d })
}

// WithLoadTimeout bounds a load, for which several callers may be waiting: 10 s by default.
// The context of each caller still applies to that caller. It is an option of the stack.
func WithLoadTimeout(d time.Duration) Option {
	return ofStack("WithLoadTimeout", positive("WithLoadTimeout", d), func(c *config) { c.loadTimeout = d })
}

// maxLoads is more than any database can serve.
const maxLoads = 1 << 20

// WithMaxLoads bounds the loads under way at once: 128 by default, 1,048,576 at most.
// Further loads wait, as long as their callers do. Refreshes ahead of expiry have the same
// bound, and are skipped while it is reached. It is an option of the stack.
func WithMaxLoads(n int) Option {
	err := check(n > 0 && n <= maxLoads, "WithMaxLoads must be 1 to %d, not %d", maxLoads, n)
	return ofStack("WithMaxLoads", err, func(c *config) { c.maxLoads = n })
}

// WithBus gives the stack a bus, over which its processes tell each other that
// the log has grown. PostgreSQL needs none: its NOTIFY does that.
func WithBus(b Bus) Option {
	return ofStack("WithBus", check(!nilvalue.Is(b), "the bus is nil"), func(c *config) { c.bus = b })
}

// WithUncoordinated allows a local cache over a store that is not a [tenancy.Source]. The
// guarantee is then weaker: reads never return a value older than a write of this process,
// each of which flushes the whole cache; writes of other processes are seen when the TTL
// expires. It is an option of the stack.
func WithUncoordinated() Option {
	return ofStack("WithUncoordinated", nil, func(c *config) { c.uncoordinated = true })
}

// WithLogger sets where the stack logs what operators should know, once for each
// change of state: slog.Default() unless set; nil logs nothing. It is an option of the
// stack.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		l = slog.New(slog.DiscardHandler)
	}
	return ofStack("WithLogger", nil, func(c *config) { c.logger = l })
}
