// Package mixin is the monitoring of tenantstore as code: the panels of the
// dashboard, the recording and alerting rules and their tests, and the list of
// metrics, each for Prometheus and for what an OpenTelemetry exporter makes of the
// same metrics. Command mixin writes it to files, which are committed; a test
// compares them.
//
// Expressions name labels as <tier>, which each flavour spells in its own way, and
// select the job, instance and store of the dashboard by <sel>.
package mixin

//go:generate go run ../cmd/mixin ../../../..
