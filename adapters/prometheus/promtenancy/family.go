package promtenancy

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/go-tenancy/tenantstore/core/observe"
)

// nativeFactor is how much wider each bucket of a native histogram is.
const nativeFactor = 1.1

// prefix of every label, as an exporter of OpenTelemetry makes it of "tenancy.".
const prefix = "tenancy_"

// labels returns the constant labels of one series: there are no others.
func (c config) labels(m observe.Metric, values []string) prometheus.Labels {
	labels := prometheus.Labels{prefix + "store": c.name}
	for i, name := range m.Labels {
		labels[prefix+name] = values[i]
	}
	return labels
}

// collector returns a counter or gauge that is read at each scrape.
func (c config) collector(s observe.Series) prometheus.Collector {
	name, labels := s.PrometheusName(), c.labels(s.Metric, s.Values)
	if s.Type == observe.Counter {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: s.Help, ConstLabels: labels}, s.Read)
	}
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: s.Help, ConstLabels: labels}, s.Read)
}

func (c config) histogram(m observe.Metric, values ...string) prometheus.Histogram {
	opts := prometheus.HistogramOpts{Name: m.PrometheusName(), Help: m.Help, ConstLabels: c.labels(m, values), Buckets: m.Buckets()}
	if c.native {
		opts.NativeHistogramBucketFactor = nativeFactor
		opts.NativeHistogramMaxBucketNumber = 100
		opts.NativeHistogramMinResetDuration = time.Hour
	}
	return prometheus.NewHistogram(opts)
}

func record(h prometheus.Histogram) observe.Record {
	return func(_ context.Context, took time.Duration, _ error) { h.Observe(took.Seconds()) }
}
