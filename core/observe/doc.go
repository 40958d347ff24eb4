// Package observe collects the metrics and traces of a stack of stores, and of the
// requests for its tenants. promtenancy and oteltenancy export them; an exporter for
// another system is a thin layer too.
//
//	s, err := observe.Wrap(store, observe.Config{…}) // the outermost store
//	s.Refresh()
//	for _, one := range s.Series() {
//		export(one.Metric, one.Values, one.Read())
//	}
//
// [Wrap] counts the operations of a store and watches every tier below. What it
// returns has every capability of the store, so that it may stand anywhere in a
// stack of caches. [NewRequests] is for the middleware that asks the stack.
//
// # Cost
//
// GetByID, Exists and the other lookups of one tenant may be hits of a cache that take less time
// than reading the clock does. So all of them are counted, but one in
// [SampleEvery] is measured. Neither allocates.
//
// # What is seen
//
// No label holds a tenant, an identifier, a host or the text of an error, and the
// number of series is fixed when Wrap returns.
package observe
