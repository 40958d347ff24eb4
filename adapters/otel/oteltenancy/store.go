package oteltenancy

import (
	"errors"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tier"
)

// Store is a store with metrics and spans. It has every capability of what it wraps.
// Create one with Wrap; it is safe for concurrent use.
type Store struct {
	*observe.Store
	callback metric.Registration
	once     sync.Once
}

var _ tenancy.Source = (*Store)(nil)

// Wrap returns next with metrics and spans. Closing it closes next. What the SDK
// cannot do goes to the handler of [otel.SetErrorHandler]. Wrap fails with
// [tenancy.ErrInvalid] if next is nil or an option does not fit.
func Wrap(next tenancy.Store, opts ...Option) (*Store, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	t := &tracing{tracer: c.tracer(), tenantID: c.tenantID}
	_, t.caches = tier.Of(next)
	t.prepare()
	m := instruments{meter: c.meter(), name: c.name}
	s := &Store{}
	s.Store, err = observe.Wrap(next, observe.Config{
		Version:      Version,
		Histogram:    m.histogram,
		TenantCounts: c.counts,
		Trace:        t.operations(),
		StackTrace:   t.stack,
	})
	if err != nil {
		return nil, err
	}
	s.callback = m.observe(s.Series(), s.Refresh)
	return s, nil
}

// Close implements [tenancy.Store].
func (s *Store) Close() error {
	s.once.Do(func() {
		if s.callback != nil { // else the SDK has refused it
			handle(s.callback.Unregister())
		}
	})
	return s.Store.Close()
}

// handle reports what is wrong with an instrument, for which nobody waits.
func handle(errs ...error) {
	if err := errors.Join(errs...); err != nil {
		otel.Handle(err)
	}
}
