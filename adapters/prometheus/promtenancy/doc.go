// Package promtenancy exports the metrics of a stack of stores to Prometheus, as a
// decorator that is also a prometheus.Collector.
//
//	store, err := promtenancy.Wrap(local) // the outermost store: all tiers below are seen
//	registry.MustRegister(store)
//
// # What is exported
//
// Every call of the store by operation and outcome; of every tier the lookups by
// result, the loads, fills and evictions; of every shared cache and bus the circuit
// breaker; how far the change log was followed, and how late. docs/metrics.md lists
// all of them. Each has the constant label tenancy_store ([WithName]).
//
// What becomes of requests is counted by [NewHTTPObserver], which is registered and
// given to tenancyhttp besides:
//
//	requests, err := promtenancy.NewHTTPObserver()
//	registry.MustRegister(requests)
//	tenant, err := tenancyhttp.NewMiddleware(store, resolver, tenancyhttp.WithObserver(requests))
//
// All series exist from the start, with the value 0, and no others come later, so
// that rate() sees the first increase, and nothing that happens can make the number
// grow. No label ever holds a tenant, an identifier, a host or the text of an error.
//
// Nothing registers itself, and Wrap does no I/O. To have two stores in one registry,
// give them names: Register reports equal ones as duplicates.
//
// # Cost
//
// A hit of a local cache is counted in an atomic counter of its own cache line, and
// one in 64 is measured; it does not allocate. Counts are read at the scrape.
//
// # Where to put it
//
// Anywhere: it has every capability of what it wraps, a [tenancy.Source] included,
// and tiers may stand above and below. One Wrap around the outermost store sees most.
package promtenancy
