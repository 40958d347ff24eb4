package observe

// Buckets returns upper bounds for a Histogram, in seconds: from the microsecond of
// a hit to the seconds of a database in trouble; for a lag, from a millisecond to
// minutes.
func (m Metric) Buckets() []float64 {
	if m.Name == metricLogLag.Name {
		return []float64{1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300}
	}
	return []float64{1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1, 3, 10}
}
