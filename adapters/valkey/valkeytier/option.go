package valkeytier

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-tenancy/tenantstore/core/entrycodec"
	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// The defaults of the options.
const (
	DefaultKeyPrefix = "tenancy:"
	DefaultDeadline  = 50 * time.Millisecond
	DefaultMaxCalls  = 128
)

// The largest values.
const (
	maxPrefix   = 1 << 10
	maxDeadline = time.Minute
	maxMaxCalls = 1 << 20
)

// Option configures New, NewWithClient, NewCache, NewCacheWithClient and NewBus.
type Option interface{ apply(*config) }

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

type config struct {
	prefix   string
	deadline time.Duration
	maxCalls int
	lease    time.Duration // see leaseTime
	codec    entrycodec.Codec
	logger   *slog.Logger
	bus      bool
	tier     []tier.Option
}

func newConfig(opts []Option) (config, error) {
	c := config{prefix: DefaultKeyPrefix, deadline: DefaultDeadline, maxCalls: DefaultMaxCalls, lease: leaseTime}
	for i, o := range opts {
		if o == nil {
			return c, invalid(fmt.Sprintf("option %d is nil", i+1))
		}
		o.apply(&c)
	}
	switch {
	case c.prefix == "":
		return config{}, invalid("WithKeyPrefix needs a prefix: without one, InvalidateAll would remove keys of others")
	case ambiguous(c.prefix):
		return config{}, invalid(`WithKeyPrefix must not have "id:", "identifier:", "domain:" or "former:" behind a separator in it, at which the keys of shorter prefixes begin`)
	case len(c.prefix) > maxPrefix:
		return config{}, invalid(fmt.Sprintf("WithKeyPrefix must be %d bytes at most", maxPrefix))
	case c.deadline <= 0 || c.deadline > maxDeadline:
		return config{}, invalid(fmt.Sprintf("WithDeadline must be above 0 and %v at most, not %v", maxDeadline, c.deadline))
	case c.maxCalls < 1 || c.maxCalls > maxMaxCalls:
		return config{}, invalid(fmt.Sprintf("WithMaxCalls must be 1 to %d, not %d", maxMaxCalls, c.maxCalls))
	}
	if c.logger == nil {
		c.logger = slog.Default()
	} else {
		c.tier = append(c.tier, tier.WithLogger(c.logger))
	}
	return c, nil
}

func endsInWord(s string) bool {
	r, _ := utf8.DecodeLastRuneInString(s)
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

// ambiguous reports whether a key with this prefix may be that of a shorter one that
// ends in a separator.
func ambiguous(prefix string) bool {
	kinds := []tenancy.KeyKind{tenancy.KindID, tenancy.KindIdentifier, tenancy.KindDomain, tenancy.KindFormer}
	return slices.ContainsFunc(kinds, func(k tenancy.KeyKind) bool {
		parts := strings.Split(prefix, string(k)+":")
		for i := range parts[1:] {
			if before := parts[i]; before != "" && !endsInWord(before) {
				return true
			}
		}
		return false
	})
}

func invalid(why string) error {
	return &tenancy.Error{Op: "New", Err: fmt.Errorf("%w: valkeytier: %s", tenancy.ErrInvalid, why)}
}

// WithKeyPrefix sets what every key begins with, and the channel of the bus
// (DefaultKeyPrefix): 1 to 1024 bytes, without "id:" and "identifier:" behind a separator.
// Each database of tenants needs its own where several share a server; one prefix may
// begin with another, if it ends in a separator (InvalidateAll of t would take the keys
// of tid: for its own).
func WithKeyPrefix(prefix string) Option {
	return optionFunc(func(c *config) { c.prefix = prefix })
}

// WithDeadline bounds each call of Valkey (DefaultDeadline): a minute at most. A
// batch takes one for each 1000 keys, InvalidateAll one for each step, of a second at
// least. It must leave time to connect: a call that finds no connection makes one, for 5 s
// at most.
func WithDeadline(d time.Duration) Option {
	return optionFunc(func(c *config) { c.deadline = d })
}

// WithMaxCalls bounds the calls that are under way at once (DefaultMaxCalls): 1 to 2^20.
// Further ones fail at once, and are answered by SQL.
func WithMaxCalls(n int) Option {
	return optionFunc(func(c *config) { c.maxCalls = n })
}

// WithSealer seals each DatabaseURL, so that tenants that have one can be
// cached.
func WithSealer(s seal.Sealer) Option {
	return optionFunc(func(c *config) { c.codec.Sealer = s })
}

// WithPlainSecrets accepts that each DatabaseURL is plain text in Valkey, for
// everybody who can read it, its persistence files and its backups. With a
// Sealer besides, new ones are sealed and old plain ones are still accepted: one
// release of both leads from plain to sealed.
func WithPlainSecrets() Option {
	return optionFunc(func(c *config) { c.codec.PlainSecrets = true })
}

// WithBus gives the stack a [Bus] on the same servers, with a client of its own.
// Only New can.
func WithBus() Option {
	return optionFunc(func(c *config) { c.bus = true })
}

// WithLogger sets where changes of state are logged, those of the stack that New begins
// too: slog.Default() unless set; nil logs nothing.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		l = slog.New(slog.DiscardHandler)
	}
	return optionFunc(func(c *config) { c.logger = l })
}

// WithTier passes options on to [tier.New], for instance
// WithTier(tier.WithTTL(time.Minute)). Only New and NewWithClient have a use for
// them.
func WithTier(opts ...tier.Option) Option {
	return optionFunc(func(c *config) { c.tier = append(c.tier, opts...) })
}
