// Package observe is what decorators for metrics and traces have in common: it
// names the operations of a store and the ways in which they end, counts them,
// and measures some.
//
//	type Store struct{ *observe.Store } // with the methods of a collector
//
// [Wrap] returns a store with every capability of the one below, so that the
// decorator may stand anywhere in a stack of tiers.
//
// # Cost
//
// GetByID, GetByIdentifier and Exists may be hits of a cache that take less time
// than reading the clock does. So all of them are counted, but one in
// [SampleEvery] is measured. Neither allocates.
//
// # What is seen
//
// Hooks get operations, outcomes and durations. Nothing here passes on a tenant,
// an identifier or the text of an error.
package observe
