package ristrettotier

import (
	"fmt"
	"math"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// The defaults of the options.
const (
	DefaultMaxEntries   = 100_000
	DefaultMaxNegatives = 10_000
)

// The largest sizes. Ristretto makes its counters at once, for so many entries.
const (
	maxEntries = min(100_000_000, math.MaxInt/256)
	maxBytes   = 1 << 40
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
	for i, o := range opts {
		if o == nil {
			return c, &tenancy.Error{Op: "New", Err: fmt.Errorf("%w: ristrettotier: option %d is nil", tenancy.ErrInvalid, i+1)}
		}
		o.apply(&c)
	}
	for _, o := range []struct {
		name    string
		n, most int64
		given   bool
	}{
		{"WithMaxBytes", c.maxBytes, maxBytes, c.byBytes},
		{"WithMaxEntries", c.maxEntries, maxEntries, !c.byBytes},
		{"WithMaxNegatives", c.maxNegatives, maxEntries, true},
	} {
		if o.given && (o.n < 1 || o.n > o.most) {
			return config{}, &tenancy.Error{Op: "New", Err: fmt.Errorf("%w: ristrettotier: %s must be 1 to %d, not %d", tenancy.ErrInvalid, o.name, o.most, o.n)}
		}
	}
	return c, nil
}

// WithMaxEntries bounds the entries of tenants (DefaultMaxEntries): 1 to 100,000,000,
// or to 8,388,607 on a 32-bit machine. A tenant that is looked up by ID and by
// identifier takes two. The frequency counters are made at once, up to 70 bytes for
// each.
func WithMaxEntries(n int) Option {
	return optionFunc(func(c *config) { c.maxEntries, c.byBytes = int64(n), false })
}

// WithMaxBytes bounds the memory of the entries of tenants instead of their
// number: 1 to 2^40. It is an estimate: 450 bytes for each entry and the length of its
// texts. Ristretto's frequency counters come on top, up to a tenth of n, and so
// do the negative entries.
func WithMaxBytes(n int64) Option {
	return optionFunc(func(c *config) { c.maxBytes, c.byBytes = n, true })
}

// WithMaxNegatives bounds the entries that say that there is no tenant
// (DefaultMaxNegatives), as WithMaxEntries does those of tenants. They have a space of
// their own.
func WithMaxNegatives(n int) Option {
	return optionFunc(func(c *config) { c.maxNegatives = int64(n) })
}

// WithTier passes options on to [tier.New], for instance
// WithTier(tier.WithTTL(time.Minute)). NewCache has no use for them.
func WithTier(opts ...tier.Option) Option {
	return optionFunc(func(c *config) { c.tier = append(c.tier, opts...) })
}
