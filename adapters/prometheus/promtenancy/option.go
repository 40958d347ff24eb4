package promtenancy

import (
	"cmp"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Version is the version of this module, as tenancy_build_info has it.
const Version = "0.1.0"

// DefaultName is the value of the label tenancy_store unless WithName says otherwise.
const DefaultName = "tenants"

// MaxTenantCounts is the longest time for WithTenantCounts.
const MaxTenantCounts = 24 * time.Hour

const maxNameBytes = 255

// Option configures Wrap, NewHTTPObserver and NewPoolObserver, which fail with [tenancy.ErrInvalid] if
// one is nil or has a value that is not allowed.
type Option interface{ apply(*config) }

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

type config struct {
	name   string
	native bool
	counts time.Duration
	err    error
}

func (c *config) fail(format string, args ...any) {
	c.err = errors.Join(c.err, &tenancy.Error{Op: "New", Err: fmt.Errorf("%w: promtenancy: %s", tenancy.ErrInvalid, fmt.Sprintf(format, args...))})
}

func newConfig(opts []Option) (config, error) {
	var c config
	for i, o := range opts {
		if o == nil {
			c.fail("option %d is nil", i+1)
			continue
		}
		o.apply(&c)
	}
	c.name = cmp.Or(c.name, DefaultName)
	return c, c.err
}

// WithName sets the value of the label tenancy_store, which tells the stores of one process
// apart. An empty one means DefaultName: Prometheus knows no empty labels, and the
// rules select by this one.
func WithName(name string) Option {
	return optionFunc(func(c *config) {
		if !utf8.ValidString(name) || len(name) > maxNameBytes {
			c.fail("WithName: %.40q is not UTF-8 of at most %d bytes", name, maxNameBytes)
			return
		}
		c.name = name
	})
}

// WithNativeHistograms makes every histogram a native one besides, at a resolution
// of 10 %. A Prometheus that scrapes native histograms drops the classic buckets
// then, and with them what the dashboards and rules of this module show, unless
// its configuration says always_scrape_classic_histograms.
func WithNativeHistograms() Option { return optionFunc(func(c *config) { c.native = true }) }

// WithTenantCounts exports the number of tenants by status, counted every so often
// in the background, never at a scrape: five calls of Count each time, given up when
// the next ones are due. A second is the least, MaxTenantCounts the most; the alert
// TenancyTenantCountsStale wants 15 minutes at most. 0 counts nothing.
func WithTenantCounts(every time.Duration) Option {
	return optionFunc(func(c *config) {
		if every < 0 || every > MaxTenantCounts {
			c.fail("WithTenantCounts: %v is not between 0 and %v", every, MaxTenantCounts)
			return
		}
		c.counts = every
	})
}
