// Package observe is what decorators for metrics and traces have in common: the
// table of the metrics of a stack, and what fills it. promtenancy and oteltenancy
// are thin layers over it, and so can be a decorator for another system.
//
//	s := observe.Wrap(store, observe.Config{…}) // the outermost store
//	s.Refresh()
//	for _, one := range s.Series() {
//		export(one.Metric, one.Values, one.Read())
//	}
//
// [Wrap] counts the operations of a store and watches every tier below. What it
// returns has every capability of the store, so that it may stand anywhere in a
// stack of tiers.
//
// # Cost
//
// GetByID, GetByIdentifier and Exists may be hits of a cache that take less time
// than reading the clock does. So all of them are counted, but one in
// [SampleEvery] is measured. Neither allocates.
//
// # What is seen
//
// No label holds a tenant, an identifier, a host or the text of an error, and the
// number of series is fixed when Wrap returns.
package observe
