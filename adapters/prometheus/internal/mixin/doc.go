// Package mixin is the monitoring of tenantstore as code: the panels of the
// dashboard, the recording and alerting rules and their tests, and the list of
// metrics. Command mixin writes it to files, which are committed; a test compares
// them.
//
// Expressions select by <sel>: in the dashboard the job, instance and store of its
// variables, in the rules everything.
package mixin

//go:generate go run ../cmd/mixin ../../../..
