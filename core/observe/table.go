package observe

var metricBuildInfo = Metric{
	"tenancy.build_info", Sum, "",
	"1, with the version of what exports the metrics.", []string{"version"},
}

// The operations of a store.
var (
	metricOperations = Metric{
		"tenancy.operations", Counter, "{operation}",
		"Calls of the store, by method and by how they ended.", []string{"operation", "outcome"},
	}
	metricOperationDuration = Metric{
		"tenancy.operation.duration", Histogram, "s",
		"Duration of calls of the store. Of lookups of one tenant (get_by_…, former_owner, exists), one call in 64 is measured.", []string{"operation"},
	}
)

// Caches, of which l1 is the outermost one.
var (
	metricCacheLookups = Metric{
		"tenancy.cache.lookups", Counter, "{lookup}",
		"Lookups of keys: hit and negative were answered by the cache; of stale, an entry was found that must not be served; error could not be asked.", []string{"tier", "result"},
	}
	metricCacheStaleServed = Metric{
		"tenancy.cache.stale_served", Counter, "{lookup}",
		"Lookups that the cache answered while the change log could not be read; they are among hit and negative.", []string{"tier"},
	}
	metricCacheLookupDuration = Metric{
		"tenancy.cache.lookup.duration", Histogram, "s",
		"Duration of the calls of a shared cache for entries.", []string{"tier"},
	}
	metricLoadDuration = Metric{
		"tenancy.cache.load.duration", Histogram, "s",
		"Duration of the calls of the store below the caches, for what they could not answer.", nil,
	}
	metricCacheFills = Metric{
		"tenancy.cache.fills", Counter, "{entry}",
		"Entries put into the cache, and those that were not: uncacheable (a secret without a sealer), error.", []string{"tier", "outcome"},
	}
	metricLoadsCoalesced = Metric{
		"tenancy.cache.coalesced_loads", Counter, "{lookup}",
		"Lookups that waited for the load of another caller.", nil,
	}
	metricLoadsInFlight = Metric{
		"tenancy.cache.loads.inflight", Sum, "{load}",
		"Loads from below under way.", nil,
	}
	metricCacheRefreshes = Metric{
		"tenancy.cache.refreshes", Counter, "{load}",
		"Loads in the background, ahead of expiry.", []string{"tier"},
	}
	metricCacheErrors = Metric{
		"tenancy.cache.errors", Counter, "{call}",
		"Failed calls of the cache. They never fail a lookup.", []string{"tier"},
	}
	metricCacheDenied = Metric{
		"tenancy.cache.denied", Counter, "{entry}",
		"Entries found that belong to a history which the database lost.", []string{"tier"},
	}
	metricCacheUnapplied = Metric{
		"tenancy.cache.unapplied_changes", Counter, "{change}",
		"Changes that a shared cache could not be told of. Floors protect against what they outdate.", []string{"tier"},
	}
	metricCacheEntries = Metric{
		"tenancy.cache.entries", Sum, "{entry}",
		"Entries held: tenants, and negatives, which say that there is none.", []string{"tier", "kind"},
	}
	metricCacheFillRatio = Metric{
		"tenancy.cache.fill", Gauge, "1",
		"Part of the capacity that is used, from 0 to 1.", []string{"tier", "kind"},
	}
	metricCacheEvictions = Metric{
		"tenancy.cache.evictions", Counter, "{entry}",
		"Entries removed to make room (capacity), not kept because others are used more (rejected), at the end of their TTL (expired), or by InvalidateAll (cleared).", []string{"tier", "kind", "reason"},
	}
)

// Circuit breakers: l2 … of shared caches, bus.
var (
	metricBreakerState = Metric{
		"tenancy.breaker.state", Sum, "",
		"1 for the state that the circuit breaker is in, 0 for the others.", []string{"name", "state"},
	}
	metricBreakerTransitions = Metric{
		"tenancy.breaker.transitions", Counter, "{transition}",
		"Changes of the circuit breaker's state.", []string{"name", "to"},
	}
	metricBreakerFailures = Metric{
		"tenancy.breaker.failures", Counter, "{call}",
		"Calls that failed.", []string{"name"},
	}
	metricBreakerRefused = Metric{
		"tenancy.breaker.refused", Counter, "{call}",
		"Calls that were not made: the breaker was open, or too many were under way.", []string{"name"},
	}
)

// The change log, and the bus that wakes its followers.
var (
	metricLogServing = Metric{
		"tenancy.log.serving", Sum, "",
		"1 while cached entries may be served, 0 before the change log was read and after it could not be for too long.", nil,
	}
	metricLogRevision = Metric{
		"tenancy.log.revision", Gauge, "",
		"Revision to which the change log was followed.", nil,
	}
	metricLogLastContact = Metric{
		"tenancy.log.last_contact.timestamp", Gauge, "s",
		"When the change log was last read, 0 for never.", nil,
	}
	metricLogLag = Metric{
		"tenancy.log.lag", Histogram, "s",
		"Time from a change in the database, by the writer's clock, until this process obeyed it.", nil,
	}
	metricLogClockSkew = Metric{
		"tenancy.log.clock_skew", Counter, "{change}",
		"Changes from the future: the writer's clock is ahead. Their lag counts as 0.", nil,
	}
	metricLogUnfollowed = Metric{
		"tenancy.log.unfollowed_writes", Counter, "{write}",
		"Writes after which the change log could not be read, so that caches stopped serving.", nil,
	}
	metricInvalidations = Metric{
		"tenancy.invalidations", Counter, "{invalidation}",
		"Changes obeyed (change), and flushes: the log was trimmed too early (compacted) or has another history (diverged), InvalidateAll (requested).", []string{"source"},
	}
	metricBusMessages = Metric{
		"tenancy.bus.messages", Counter, "{message}",
		"Messages of the bus.", []string{"direction", "outcome"},
	}
	metricBusConnected = Metric{
		"tenancy.bus.connected", Sum, "",
		"1 while messages of other processes arrive.", nil,
	}
	metricBusResubscriptions = Metric{
		"tenancy.bus.resubscriptions", Counter, "{subscription}",
		"Times that the bus was subscribed, after which messages may have been lost.", nil,
	}
	metricBusLastMessage = Metric{
		"tenancy.bus.last_message.timestamp", Gauge, "s",
		"When the last message arrived, 0 for never.", nil,
	}
)

// A replica, which holds all tenants in memory.
var (
	metricReplicaPhase = Metric{
		"tenancy.replica.phase", Sum, "",
		"1 for the phase that the replica is in, 0 for the others. All but synced and restored may mean that reads go to the database.", []string{"phase"},
	}
	metricReplicaTenants = Metric{
		"tenancy.replica.tenants", Sum, "{tenant}",
		"Tenants in memory.", nil,
	}
	metricReplicaScans = Metric{
		"tenancy.replica.scans", Counter, "{scan}",
		"Times that all tenants were read from the database: once at the start, and where the log could not say what had changed.", nil,
	}
	metricReplicaLookups = Metric{
		"tenancy.replica.lookups", Counter, "{lookup}",
		"Lookups answered from memory, by a tenant (hit) or by there being none (negative), and reads of all kinds that went to the database (source).", []string{"result"},
	}
	metricReplicaSnapshot = Metric{
		"tenancy.replica.snapshot.timestamp", Gauge, "s",
		"When the tenants of the snapshot file were current, 0 if there is none.", nil,
	}
)

// A pool of tenants' resources.
var (
	metricPoolResources = Metric{
		"tenancy.pool.resources", Sum, "{resource}",
		"Resources by state. Draining ones wait until they are not in use any more, or are being closed.", []string{"state"},
	}
	metricPoolLimit = Metric{
		"tenancy.pool.limit", Sum, "{resource}",
		"How many resources there may be, in all states.", nil,
	}
	metricPoolTenants = Metric{
		"tenancy.pool.tenants", Sum, "{tenant}",
		"Tenants for whose resource there is no room (waiting), and those whose last open failed (failing).", []string{"state"},
	}
	metricPoolGets = Metric{
		"tenancy.pool.gets", Counter, "{call}",
		"Calls of Get: hit got a resource that was open; waited got one after a wait; not_served was for a tenant that is not served; failed: the resource cannot be opened; exhausted: all were in use.", []string{"outcome"},
	}
	metricPoolOpens = Metric{
		"tenancy.pool.opens", Counter, "{resource}",
		"Resources that were opened, and failed attempts.", []string{"outcome"},
	}
	metricPoolCloses = Metric{
		"tenancy.pool.closes", Counter, "{resource}",
		"Resources that were closed: the tenant's key is another (changed), it is not served (not_served), the log could not be read (stale), unused for long (idle), to make room (evicted).", []string{"reason"},
	}
	metricPoolForced = Metric{
		"tenancy.pool.forced_closes", Counter, "{resource}",
		"Resources that were closed while they were in use: their work did not end in time.", nil,
	}
)

// Tenants, where the application asks for them.
var (
	metricTenants = Metric{
		"tenancy.tenants", Gauge, "{tenant}",
		"Tenants by status, as last counted; NaN before. Replicas agree: aggregate with max.", []string{"status"},
	}
	metricTenantsRefreshed = Metric{
		"tenancy.tenants_refreshed.timestamp", Gauge, "s",
		"When tenants were last counted, 0 for never.", nil,
	}
)

// The HTTP middleware.
var (
	metricHTTPResolutions = Metric{
		"tenancy.http.resolutions", Counter, "{request}",
		"Requests by the resolver that decided and by what became of them.", []string{"resolver", "outcome"},
	}
	metricHTTPResolutionDuration = Metric{
		"tenancy.http.resolution.duration", Histogram, "s",
		"Time to find the tenant of a request, lookup included.", []string{"outcome"},
	}
)

// Metrics returns the whole table. Every series also has the label store.
func Metrics() []Metric {
	return []Metric{
		metricBuildInfo, metricOperations, metricOperationDuration,
		metricCacheLookups, metricCacheStaleServed, metricCacheLookupDuration, metricLoadDuration, metricCacheFills, metricLoadsCoalesced, metricLoadsInFlight,
		metricCacheRefreshes, metricCacheErrors, metricCacheDenied, metricCacheUnapplied, metricCacheEntries, metricCacheFillRatio, metricCacheEvictions,
		metricBreakerState, metricBreakerTransitions, metricBreakerFailures, metricBreakerRefused,
		metricLogServing, metricLogRevision, metricLogLastContact, metricLogLag, metricLogClockSkew, metricLogUnfollowed, metricInvalidations,
		metricBusMessages, metricBusConnected, metricBusResubscriptions, metricBusLastMessage,
		metricReplicaPhase, metricReplicaTenants, metricReplicaScans, metricReplicaLookups, metricReplicaSnapshot,
		metricTenants, metricTenantsRefreshed,
		metricPoolResources, metricPoolLimit, metricPoolTenants, metricPoolGets, metricPoolOpens, metricPoolCloses, metricPoolForced,
		metricHTTPResolutions, metricHTTPResolutionDuration,
	}
}

// HTTPMetrics returns those of a middleware: the requests, and what it took to find
// their tenants.
func HTTPMetrics() (resolutions, duration Metric) {
	return metricHTTPResolutions, metricHTTPResolutionDuration
}
