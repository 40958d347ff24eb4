// Package memstore keeps tenants in memory: for tests, for local development,
// and as the reference implementation of [tenancy.Source].
//
// A [Store] keeps every promise of the port, change log included, and loses
// everything when the process ends. It is safe for concurrent use. Lookups by ID,
// identifier and domain take constant time and do not allocate; a page costs its
// size and one step for a few hundred tenants that it skips; a count costs
// nothing; a search reads every tenant. A write costs a binary search and moving
// a few hundred pointers at most, wherever its tenant stands in the list.
package memstore
