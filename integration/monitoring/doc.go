//go:build unix

// Package monitoring holds what shows that the monitoring of tenantstore is honest: a
// real Prometheus scrapes the running quickstart and an application of the test's
// own while servers go down and come back, and every query of the dashboards and
// every rule must find what it names. The benchmarks say what it costs.
//
// It is a module of its own because of the parser of Prometheus, which brings in
// more than everything else together.
package monitoring
