package promtenancy

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/go-tenancy/tenantstore/adapters/prometheus/internal/metrics"
)

// nativeFactor is how much wider each bucket of a native histogram is.
const nativeFactor = 1.1

// family makes the series of one store.
type family struct {
	labels prometheus.Labels // of all
	native bool
}

// with returns the constant labels of one series of m.
func (f family) with(m metrics.Metric, values ...string) prometheus.Labels {
	labels := prometheus.Labels{}
	for name, value := range f.labels {
		labels[name] = value
	}
	for i, name := range m.Labels {
		labels[name] = values[i]
	}
	return labels
}

// series returns a counter or gauge that is read at each scrape.
func (f family) series(m metrics.Metric, read func() float64, values ...string) prometheus.Collector {
	labels := f.with(m, values...)
	if m.Type == metrics.Counter {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: m.Name, Help: m.Help, ConstLabels: labels}, read)
	}
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: m.Name, Help: m.Help, ConstLabels: labels}, read)
}

func (f family) histogram(m metrics.Metric, buckets []float64, values ...string) prometheus.Histogram {
	opts := prometheus.HistogramOpts{Name: m.Name, Help: m.Help, ConstLabels: f.with(m, values...), Buckets: buckets}
	if f.native {
		opts.NativeHistogramBucketFactor = nativeFactor
		opts.NativeHistogramMaxBucketNumber = 100
		opts.NativeHistogramMinResetDuration = time.Hour
	}
	return prometheus.NewHistogram(opts)
}

// fromMicros are the buckets of what may be as quick as a hit, and as slow as a
// database in trouble.
func fromMicros() []float64 {
	return []float64{1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1, 3, 10}
}

// fromMillis are the buckets of a lag.
func fromMillis() []float64 {
	return []float64{1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300}
}

func count(n int64) float64 { return float64(n) }

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// timestamp returns t in seconds since 1970, and 0 for never.
func timestamp(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMicro()) / 1e6
}
