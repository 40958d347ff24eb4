package tier

import (
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"time"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

type config struct {
	ttl, negativeTTL time.Duration
	refreshAhead     float64
	maxStale         time.Duration // 0: not given
	followTimeout    time.Duration
	loadTimeout      time.Duration
	leaseWait        time.Duration
	maxLoads         int
	bus              Bus
	uncoordinated    bool
	logger           *slog.Logger
	err              error // of the first option that makes no sense
}

func newConfig(opts []Option) (config, error) {
	c := config{
		ttl:           time.Hour,
		negativeTTL:   10 * time.Second,
		refreshAhead:  0.8,
		followTimeout: 2 * time.Second,
		loadTimeout:   10 * time.Second,
		leaseWait:     100 * time.Millisecond,
		maxLoads:      128,
		logger:        slog.Default(),
	}
	for i, opt := range opts {
		if opt == nil {
			return c, invalid(fmt.Sprintf("option %d is nil", i+1))
		}
		opt.apply(&c)
	}
	return c, c.err
}

func invalid(why string) error {
	return &tenancy.Error{Op: "New", Err: fmt.Errorf("%w: tier: %s", tenancy.ErrInvalid, why)}
}

// check returns an option that sets something if it makes sense.
func check(ok bool, why string, set func(*config)) Option {
	return option(func(c *config) {
		if set(c); !ok && c.err == nil {
			c.err = invalid(why)
		}
	})
}

func positive(name string, d time.Duration, set func(*config)) Option {
	return check(d > 0, fmt.Sprintf("%s must be positive, not %v", name, d), set)
}

// Option configures New, which fails with [tenancy.ErrInvalid] if one is nil
// or makes no sense. A duration of many years stands for ever.
type Option interface{ apply(*config) }

type option func(*config)

func (o option) apply(c *config) { o(c) }

// minTTL is long beside the tick of the clock by which entries end.
const minTTL = 500 * time.Millisecond

// WithTTL sets how long an entry is kept at most, give or take a tenth so that
// entries made together do not end together: 1 hour by default. Coherence does
// not rest on it; it bounds memory and what a bug could do.
func WithTTL(d time.Duration) Option {
	return positive("WithTTL", d, func(c *config) { c.ttl = max(d, minTTL) })
}

// WithNegativeTTL sets how long it is kept at most that there is no tenant under
// a key: 10 s by default.
func WithNegativeTTL(d time.Duration) Option {
	return positive("WithNegativeTTL", d, func(c *config) { c.negativeTTL = max(d, minTTL) })
}

// WithRefreshAhead sets the part of its TTL after which an entry that is hit is
// loaded again in the background: 0.8 by default, 1 for never. Only local caches
// refresh.
func WithRefreshAhead(part float64) Option {
	return check(part > 0 && part <= 1, fmt.Sprintf("WithRefreshAhead must be above 0, and 1 at most, not %v", part), func(c *config) {
		c.refreshAhead = max(part, 0.1)
	})
}

// WithMaxStale sets how long entries are served while the change log cannot be
// read: 5 minutes by default. After that every lookup goes to the database. A
// negative duration means for ever: an outage of the database then never stops
// cached tenants from being served, suspended ones among them. It holds for the
// whole stack: where several tiers are given one, the shortest counts. It should be
// a multiple of the store's poll interval, for that is how often contact is made.
func WithMaxStale(d time.Duration) Option {
	return check(d != 0, "WithMaxStale must not be 0, at which nothing is ever served", func(c *config) { c.maxStale = d })
}

// WithFollowTimeout bounds a read of the log, where there is much to read a page of
// it: 2 s by default, and up to eight times that after reads that took longer. A write
// waits for as long as a page comes within twice this time, and for a quarter of a second
// when its context has ended; then nothing is served from caches until the log was read.
// Only the innermost tier's counts.
func WithFollowTimeout(d time.Duration) Option {
	return positive("WithFollowTimeout", d, func(c *config) { c.followTimeout = d })
}

// WithLoadTimeout bounds a load from below, which several callers may be waiting
// for: 10 s by default. Each caller keeps its own context besides.
func WithLoadTimeout(d time.Duration) Option {
	return positive("WithLoadTimeout", d, func(c *config) { c.loadTimeout = d })
}

// WithLeaseWait sets how long a lookup waits for another process that has taken
// the lease to fill a shared cache: 100 ms by default. Then it reads the database
// itself.
func WithLeaseWait(d time.Duration) Option {
	return check(d >= 0, fmt.Sprintf("WithLeaseWait must be 0 or more, not %v", d), func(c *config) { c.leaseWait = d })
}

// maxLoads is more than any database can do.
const maxLoads = 1 << 20

// WithMaxLoads bounds the loads that are under way at once: 128 by default, 1,048,576
// at most.
// Further ones wait, as long as their callers do; refreshes ahead of expiry are left
// out then, and are never more.
func WithMaxLoads(n int) Option {
	return check(n > 0 && n <= maxLoads, fmt.Sprintf("WithMaxLoads must be 1 to %d, not %d", maxLoads, n), func(c *config) { c.maxLoads = n })
}

// WithBus gives the stack a bus, over which its processes tell each other that
// the log has grown. PostgreSQL needs none: its NOTIFY does that.
func WithBus(b Bus) Option {
	return option(func(c *config) { c.bus = b })
}

// WithUncoordinated allows a local cache over a store that is no
// [tenancy.Source]. The guarantee is then weaker: in this process reads never go
// back over its own writes, and each write flushes the whole cache; writes of
// other processes are seen when the TTL is over.
func WithUncoordinated() Option {
	return option(func(c *config) { c.uncoordinated = true })
}

// WithLogger sets where the tier logs what operators should know, once for each
// change of state: slog.Default() unless set; nil logs nothing.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		l = slog.New(slog.DiscardHandler)
	}
	return option(func(c *config) { c.logger = l })
}

// longest stands for every duration beyond it, which added to a time would lie in the
// past: some 70 years.
const longest = time.Duration(math.MaxInt64 / 4)

// jitter returns d give or take a tenth.
func jitter(d time.Duration) time.Duration {
	d = min(d, longest)
	return d + time.Duration((rand.Float64()*0.2-0.1)*float64(d))
}
