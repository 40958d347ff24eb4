package oteltenancy

import (
	"cmp"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// The instrumentation scope of every instrument and span.
const (
	ScopeName = "github.com/go-tenancy/tenantstore/adapters/otel/oteltenancy"
	Version   = "0.1.0"
)

// DefaultName is the value of the attribute tenancy.store unless WithName says
// otherwise.
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
	tracers  trace.TracerProvider
	meters   metric.MeterProvider
	name     string
	tenantID bool
	counts   time.Duration
	err      error
}

func (c *config) fail(format string, args ...any) {
	c.err = errors.Join(c.err, &tenancy.Error{Op: "New", Err: fmt.Errorf("%w: oteltenancy: %s", tenancy.ErrInvalid, fmt.Sprintf(format, args...))})
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
	c.tracers = cmp.Or(c.tracers, otel.GetTracerProvider())
	c.meters = cmp.Or(c.meters, otel.GetMeterProvider())
	return c, c.err
}

func (c config) tracer() trace.Tracer {
	return c.tracers.Tracer(ScopeName, trace.WithInstrumentationVersion(Version))
}

func (c config) meter() metric.Meter {
	return c.meters.Meter(ScopeName, metric.WithInstrumentationVersion(Version))
}

// WithTracerProvider sets where spans go, instead of to the global provider, which nil
// means.
func WithTracerProvider(p trace.TracerProvider) Option {
	return optionFunc(func(c *config) { c.tracers = p })
}

// WithMeterProvider sets where metrics go, instead of to the global provider, which
// nil means.
func WithMeterProvider(p metric.MeterProvider) Option {
	return optionFunc(func(c *config) { c.meters = p })
}

// WithName sets the attribute tenancy.store, which tells the stores of one process
// apart: what is counted of two with one name is added up. An empty one means
// DefaultName: the rules select by it.
func WithName(name string) Option {
	return optionFunc(func(c *config) {
		if !utf8.ValidString(name) || len(name) > maxNameBytes {
			c.fail("WithName: %.40q is not UTF-8 of at most %d bytes", name, maxNameBytes)
			return
		}
		c.name = name
	})
}

// WithTenantID adds tenancy.tenant.id, the ID of the tenant that a lookup found, to
// the span of its caller.
func WithTenantID() Option { return optionFunc(func(c *config) { c.tenantID = true }) }

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
