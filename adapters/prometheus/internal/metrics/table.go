// Package metrics is the table of the metrics of promtenancy: the collectors, the
// dashboards, the rules and the documentation are made of it.
package metrics

// Type is the type of a metric.
type Type string

// The types.
const (
	Counter   Type = "counter"
	Gauge     Type = "gauge"
	Histogram Type = "histogram"
)

// Metric describes a family. Every metric of a store has the label store besides.
type Metric struct {
	Name   string
	Type   Type
	Help   string
	Labels []string
}

// Operations.
var (
	Operations = Metric{"tenancy_operations_total", Counter,
		"Calls of the store, by method and by how they ended.", []string{"operation", "outcome"}}
	OperationDuration = Metric{"tenancy_operation_duration_seconds", Histogram,
		"Duration of calls of the store. Of get_by_id, get_by_identifier and exists, one call in 64 is measured.", []string{"operation"}}
)

// Tiers; l1 is the outermost one.
var (
	CacheLookups = Metric{"tenancy_cache_lookups_total", Counter,
		"Lookups of keys: hit and negative were answered by the tier; of stale, an entry was found that must not be served; error could not be asked.", []string{"tier", "result"}}
	CacheStaleServed = Metric{"tenancy_cache_stale_served_total", Counter,
		"Lookups that the tier answered while the change log could not be read; they are among hit and negative.", []string{"tier"}}
	CacheLookupDuration = Metric{"tenancy_cache_lookup_duration_seconds", Histogram,
		"Duration of the calls of a shared cache for entries.", []string{"tier"}}
	CacheLoadDuration = Metric{"tenancy_cache_load_duration_seconds", Histogram,
		"Duration of the calls of the store below the tier, for what it could not answer.", []string{"tier"}}
	CacheFills = Metric{"tenancy_cache_fills_total", Counter,
		"Entries put into the cache, and those that were not: uncacheable (a secret without a sealer), error.", []string{"tier", "outcome"}}
	CacheCoalesced = Metric{"tenancy_cache_coalesced_loads_total", Counter,
		"Lookups that waited for the load of another caller.", []string{"tier"}}
	CacheLoadsInFlight = Metric{"tenancy_cache_loads_inflight", Gauge,
		"Loads from below under way.", []string{"tier"}}
	CacheRefreshes = Metric{"tenancy_cache_refreshes_total", Counter,
		"Loads in the background, ahead of expiry.", []string{"tier"}}
	CacheErrors = Metric{"tenancy_cache_errors_total", Counter,
		"Failed calls of the cache. They never fail a lookup.", []string{"tier"}}
	CacheDenied = Metric{"tenancy_cache_denied_total", Counter,
		"Entries found that belong to a history which the database lost.", []string{"tier"}}
	CacheUnapplied = Metric{"tenancy_cache_unapplied_changes_total", Counter,
		"Changes that a shared cache could not be told of. Floors protect against what they outdate.", []string{"tier"}}
	CacheEntries = Metric{"tenancy_cache_entries", Gauge,
		"Entries held: tenants, and negatives, which say that there is none.", []string{"tier", "kind"}}
	CacheFillRatio = Metric{"tenancy_cache_fill_ratio", Gauge,
		"Part of the capacity that is used, from 0 to 1.", []string{"tier", "kind"}}
	CacheEvictions = Metric{"tenancy_cache_evictions_total", Counter,
		"Entries removed to make room (capacity), not kept because others are used more (rejected), at the end of their TTL (expired), or by InvalidateAll (cleared).", []string{"tier", "kind", "reason"}}
)

// Circuit breakers: l2 … of shared caches, bus.
var (
	BreakerState = Metric{"tenancy_breaker_state", Gauge,
		"1 for the state that the circuit breaker is in, 0 for the others.", []string{"name", "state"}}
	BreakerTransitions = Metric{"tenancy_breaker_transitions_total", Counter,
		"Changes of the circuit breaker's state.", []string{"name", "to"}}
	BreakerFailures = Metric{"tenancy_breaker_failures_total", Counter,
		"Calls that failed.", []string{"name"}}
	BreakerRefused = Metric{"tenancy_breaker_refused_total", Counter,
		"Calls that were not made: the breaker was open, or too many were under way.", []string{"name"}}
)

// The change log, and the bus that wakes its followers.
var (
	LogServing = Metric{"tenancy_log_serving", Gauge,
		"1 while cached entries may be served, 0 before the change log was read and after it could not be for too long.", nil}
	LogRevision = Metric{"tenancy_log_revision", Gauge,
		"Revision to which the change log was followed.", nil}
	LogLastContact = Metric{"tenancy_log_last_contact_timestamp_seconds", Gauge,
		"When the change log was last read, 0 for never.", nil}
	LogLag = Metric{"tenancy_log_lag_seconds", Histogram,
		"Time from a change in the database, by the writer's clock, until this process obeyed it.", nil}
	LogClockSkew = Metric{"tenancy_log_clock_skew_total", Counter,
		"Changes from the future: the writer's clock is ahead. Their lag counts as 0.", nil}
	LogUnfollowed = Metric{"tenancy_log_unfollowed_writes_total", Counter,
		"Writes after which the change log could not be read, so that caches stopped serving.", nil}
	Invalidations = Metric{"tenancy_invalidations_total", Counter,
		"Changes obeyed (change), and flushes: the log was trimmed too early (compacted) or has another history (diverged), InvalidateAll (requested).", []string{"source"}}
	BusMessages = Metric{"tenancy_bus_messages_total", Counter,
		"Messages of the bus.", []string{"direction", "outcome"}}
	BusConnected = Metric{"tenancy_bus_connected", Gauge,
		"1 while messages of other processes arrive.", nil}
	BusResubscriptions = Metric{"tenancy_bus_resubscriptions_total", Counter,
		"Times that the bus was subscribed, after which messages may have been lost.", nil}
	BusLastMessage = Metric{"tenancy_bus_last_message_timestamp_seconds", Gauge,
		"When the last message arrived, 0 for never.", nil}
)

// Tenants, where the application asks for them, and the module.
var (
	Tenants = Metric{"tenancy_tenants", Gauge,
		"Tenants by status, as last counted; NaN before. Replicas agree: aggregate with max.", []string{"status"}}
	TenantsRefreshed = Metric{"tenancy_tenants_refreshed_timestamp_seconds", Gauge,
		"When tenants were last counted, 0 for never.", nil}
	BuildInfo = Metric{"tenancy_build_info", Gauge,
		"1, with the version of promtenancy.", []string{"version"}}
)

// The HTTP middleware.
var (
	HTTPResolutions = Metric{"tenancy_http_resolutions_total", Counter,
		"Requests by the resolver that decided and by what became of them.", []string{"resolver", "outcome"}}
	HTTPResolutionDuration = Metric{"tenancy_http_resolution_duration_seconds", Histogram,
		"Time to find the tenant of a request, lookup included.", []string{"outcome"}}
)

// All returns the whole table.
func All() []Metric {
	return []Metric{
		Operations, OperationDuration,
		CacheLookups, CacheStaleServed, CacheLookupDuration, CacheLoadDuration, CacheFills, CacheCoalesced, CacheLoadsInFlight,
		CacheRefreshes, CacheErrors, CacheDenied, CacheUnapplied, CacheEntries, CacheFillRatio, CacheEvictions,
		BreakerState, BreakerTransitions, BreakerFailures, BreakerRefused,
		LogServing, LogRevision, LogLastContact, LogLag, LogClockSkew, LogUnfollowed, Invalidations,
		BusMessages, BusConnected, BusResubscriptions, BusLastMessage,
		Tenants, TenantsRefreshed, BuildInfo,
		HTTPResolutions, HTTPResolutionDuration,
	}
}
