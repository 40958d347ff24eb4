//go:build unix

// Package comparison does the same work with tenantstore and with what a Go developer would
// otherwise use for it: finding a tenant by its slug, many times, and suspending one.
// docs/comparison.md shows what came out.
//
// Each contender is one small file, written as the documentation of its library says. All
// read the table of tenantstore, the others by one and the same SELECT, and have the same
// pools, the same sizes and the same TTL. What their statements cost the database is counted on the wire,
// which no contender can influence; and where an answer of the database must be late, the
// wire holds it back.
//
// It is a module of its own because of the libraries of the contenders.
package comparison
