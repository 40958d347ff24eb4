package oteltenancy

import (
	"context"
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/go-tenancy/tenantstore/core/observe"
)

// prefix of every attribute but error.type.
const prefix = "tenancy."

// errorType is the attribute of the semantic conventions for what failed.
const errorType = attribute.Key("error.type")

// errorTypeOf returns the value of error.type, or "" where nothing has failed.
func errorTypeOf(o observe.Outcome) string {
	switch {
	case o == observe.Failed:
		return "_OTHER"
	case o.IsFailure():
		return o.String()
	}
	return ""
}

// instruments makes the instruments of one store.
type instruments struct {
	meter metric.Meter
	name  string
	made  map[string]metric.Float64Histogram
}

func (i *instruments) attributes(m observe.Metric, values []string) []attribute.KeyValue {
	attributes := []attribute.KeyValue{attribute.String(prefix+"store", i.name)}
	for n, label := range m.Labels {
		attributes = append(attributes, attribute.String(prefix+label, values[n]))
	}
	return attributes
}

// histogram returns where durations go. The options are made ahead: they cost more
// than the measurement.
func (i *instruments) histogram(m observe.Metric, values ...string) observe.Record {
	h, ok := i.made[m.Name]
	if !ok {
		var err error
		h, err = i.meter.Float64Histogram(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Help),
			metric.WithExplicitBucketBoundaries(m.Buckets()...))
		handle(err)
		if i.made == nil {
			i.made = map[string]metric.Float64Histogram{}
		}
		i.made[m.Name] = h
	}
	attributes := i.attributes(m, values)
	options := make(map[string][]metric.RecordOption)
	for _, outcome := range observe.Outcomes() {
		failure := errorTypeOf(outcome)
		set := attribute.NewSet(attributes...)
		if failure != "" {
			set = attribute.NewSet(append(attributes, errorType.String(failure))...)
		}
		options[failure] = []metric.RecordOption{metric.WithAttributeSet(set)}
	}
	return func(ctx context.Context, took time.Duration, err error) {
		h.Record(ctx, took.Seconds(), options[errorTypeOf(observe.OutcomeOf(err))]...)
	}
}

// observation is one series of an observable instrument.
type observation struct {
	instrument metric.Float64Observable
	options    []metric.ObserveOption
	read       func() float64
}

// observe makes an instrument of each metric, read when somebody collects, after refresh.
func (i *instruments) observe(series []observe.Series, refresh func()) metric.Registration {
	instruments := map[string]metric.Float64Observable{}
	var all []metric.Observable
	var observations []observation
	for _, one := range series {
		instrument, ok := instruments[one.Name]
		if !ok {
			instrument = i.observable(one.Metric)
			instruments[one.Name] = instrument
			all = append(all, instrument)
		}
		set := attribute.NewSet(i.attributes(one.Metric, one.Values)...)
		observations = append(observations, observation{instrument, []metric.ObserveOption{metric.WithAttributeSet(set)}, one.Read})
	}
	registration, err := i.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		refresh()
		for _, one := range observations {
			if v := one.read(); !math.IsNaN(v) {
				o.ObserveFloat64(one.instrument, v, one.options...)
			}
		}
		return nil
	}, all...)
	handle(err)
	return registration
}

func (i *instruments) observable(m observe.Metric) metric.Float64Observable {
	var o metric.Float64Observable
	var err error
	switch m.Type {
	case observe.Counter:
		o, err = i.meter.Float64ObservableCounter(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Help))
	case observe.Sum:
		o, err = i.meter.Float64ObservableUpDownCounter(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Help))
	default:
		o, err = i.meter.Float64ObservableGauge(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Help))
	}
	handle(err)
	return o
}
