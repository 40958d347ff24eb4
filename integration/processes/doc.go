//go:build unix

// Package processes has the tests of what holds between processes, and across
// the death of one of them: of a writer, of the database server, or of the
// database's history, when an older backup takes its place.
//
// The tests run copies of their own binary as the writers; see TestMain.
package processes
