package oteltenancy

import (
	"sync"

	"go.opentelemetry.io/otel/metric"

	"github.com/go-tenancy/tenantstore/core/observe"
)

// PoolObserver exports the metrics of a pool of tenants' resources.
type PoolObserver struct {
	callback metric.Registration
	once     sync.Once
}

// NewPoolObserver exports the metrics of a tenantpool.Pool until Close. WithName should name
// the pool if there are several. It fails with [tenancy.ErrInvalid] if the pool is nil or an
// option does not fit. Of the options, it uses WithMeterProvider and WithName.
func NewPoolObserver(pool observe.Pool, opts ...Option) (*PoolObserver, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	series, err := observe.PoolSeries(pool)
	if err != nil {
		return nil, err
	}
	i := instruments{meter: c.meter(), name: c.name}
	return &PoolObserver{callback: i.observe(series, func() {})}, nil
}

// Close ends the export. It returns nil.
func (o *PoolObserver) Close() error {
	o.once.Do(func() {
		if o.callback != nil { // else the SDK has refused it
			handle(o.callback.Unregister())
		}
	})
	return nil
}
