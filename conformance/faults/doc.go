// Package faults holds caches, a bus and a source that keep their contracts, in
// memory, until a test makes them fail: what Valkey, a message server and a
// database with a bad day are to several processes, they are to several stacks in
// one test.
//
//	db := memstore.New()
//	shared := faults.NewServer()
//	source := faults.NewSource(db, seed) // one for each node
//	node, err := tier.New(source, shared.Open())
//
// Each is safe for concurrent use, faults included.
package faults
