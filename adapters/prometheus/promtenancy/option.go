package promtenancy

import (
	"cmp"
	"time"
)

// Version is the version of this module, as tenancy_build_info has it.
const Version = "0.1.0"

// DefaultName is the value of the label store unless WithName says otherwise.
const DefaultName = "tenants"

// Option configures Wrap and NewHTTPObserver.
type Option interface{ apply(*config) }

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

type config struct {
	name   string
	native bool
	counts time.Duration
}

func newConfig(opts []Option) config {
	var c config
	for _, o := range opts {
		if o != nil {
			o.apply(&c)
		}
	}
	c.name = cmp.Or(c.name, DefaultName)
	return c
}

// WithName sets the value of the label store, which tells the stores of one process
// apart. An empty one means DefaultName: Prometheus knows no empty labels, and the
// rules select by this one.
func WithName(name string) Option { return optionFunc(func(c *config) { c.name = name }) }

// WithNativeHistograms makes every histogram a native one besides, at a resolution
// of 10 %. A Prometheus that scrapes native histograms drops the classic buckets
// then, and with them what the dashboards and rules of this module show, unless
// its configuration says always_scrape_classic_histograms.
func WithNativeHistograms() Option { return optionFunc(func(c *config) { c.native = true }) }

// WithTenantCounts exports the number of tenants by status, counted every so often
// in the background, never at a scrape: five calls of Count each time, given up when
// the next ones are due. A second is the least; the alert TenancyTenantCountsStale
// wants 15 minutes at most.
func WithTenantCounts(every time.Duration) Option {
	return optionFunc(func(c *config) { c.counts = every })
}
