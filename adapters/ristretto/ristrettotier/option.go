package ristrettotier

import (
	"fmt"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// The defaults of the options.
const (
	DefaultMaxEntries   = 100_000
	DefaultMaxNegatives = 10_000
)

// Option configures New and NewCache.
type Option interface{ apply(*config) }

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

type config struct {
	maxEntries   int64
	maxBytes     int64 // instead of maxEntries, if byBytes
	byBytes      bool
	maxNegatives int64
	tier         []tier.Option
}

func newConfig(opts []Option) (config, error) {
	c := config{maxEntries: DefaultMaxEntries, maxNegatives: DefaultMaxNegatives}
	for _, o := range opts {
		if o != nil {
			o.apply(&c)
		}
	}
	switch {
	case c.byBytes && c.maxBytes < 1:
		return config{}, invalid("WithMaxBytes", c.maxBytes)
	case !c.byBytes && c.maxEntries < 1:
		return config{}, invalid("WithMaxEntries", c.maxEntries)
	case c.maxNegatives < 1:
		return config{}, invalid("WithMaxNegatives", c.maxNegatives)
	}
	return c, nil
}

func invalid(option string, n int64) error {
	return &tenancy.Error{Op: "New", Err: fmt.Errorf("%w: ristrettotier: %s must be at least 1, not %d", tenancy.ErrInvalid, option, n)}
}

// WithMaxEntries bounds the entries of tenants (DefaultMaxEntries). A tenant that
// is looked up by ID and by identifier takes two.
func WithMaxEntries(n int) Option {
	return optionFunc(func(c *config) { c.maxEntries, c.byBytes = int64(n), false })
}

// WithMaxBytes bounds the memory of the entries of tenants instead of their
// number. It is an estimate: 450 bytes for each entry and the length of its
// texts. Ristretto's frequency counters come on top, up to a tenth of n, and so
// do the negative entries.
func WithMaxBytes(n int64) Option {
	return optionFunc(func(c *config) { c.maxBytes, c.byBytes = n, true })
}

// WithMaxNegatives bounds the entries that say that there is no tenant
// (DefaultMaxNegatives). They have a space of their own.
func WithMaxNegatives(n int) Option {
	return optionFunc(func(c *config) { c.maxNegatives = int64(n) })
}

// WithTier passes options on to [tier.New], for instance
// WithTier(tier.WithTTL(time.Minute)). NewCache has no use for them.
func WithTier(opts ...tier.Option) Option {
	return optionFunc(func(c *config) { c.tier = append(c.tier, opts...) })
}
