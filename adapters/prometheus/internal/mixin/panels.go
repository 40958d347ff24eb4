package mixin

// Row is a row of the dashboard.
type Row struct {
	Title  string
	Panels []Panel
}

// Panel shows the results of queries.
type Panel struct {
	Title       string
	Description string
	Kind        Kind
	Unit        string // of Grafana: "s", "ops", "percentunit", "short"
	Queries     []Query
}

// Query is an expression and how its series are called.
type Query struct {
	Expr   string
	Legend string
}

// Kind is what a panel looks like.
type Kind string

// The kinds.
const (
	Lines   Kind = "timeseries"
	Stacked Kind = "stacked"
	Stat    Kind = "stat"
	Heatmap Kind = "heatmap"
)

const failures = `tenancy_outcome=~"timeout|unavailable|error"`

// Rows returns the dashboard.
func Rows() []Row {
	return []Row{
		{"Health", []Panel{
			{"Failures", "Part of the calls that failed for the store's own reasons: timeout, unavailable, error. A tenant that does not exist and a conflict are answers.", Stat, "percentunit",
				[]Query{{`sum(rate(tenancy_operations_total{<sel>, ` + failures + `}[$__rate_interval])) / (sum(rate(tenancy_operations_total{<sel>}[$__rate_interval])) > 0)`, "failures"}}},
			{"Hit ratio", "Part of the lookups that each tier answered.", Stat, "percentunit",
				[]Query{{`sum by (tenancy_tier) (rate(tenancy_cache_lookups_total{<sel>, tenancy_result=~"hit|negative"}[$__rate_interval])) / (sum by (tenancy_tier) (rate(tenancy_cache_lookups_total{<sel>}[$__rate_interval])) > 0)`, "{{tenancy_tier}}"}}},
			{"Caches serving", "0 where an instance serves nothing from a cache: it has not read the change log yet, or could not for too long.", Stat, "short",
				[]Query{{`min(tenancy_log_serving{<sel>})`, "serving"}}},
			{"Breakers closed", "0 where an instance does not use a shared cache or the bus.", Stat, "short",
				[]Query{{`min by (tenancy_name) (tenancy_breaker_state{<sel>, tenancy_state="closed"})`, "{{tenancy_name}}"}}},
			{"Bus connected", "0 where an instance gets no messages of others: changes arrive by polling.", Stat, "short",
				[]Query{{`min(tenancy_bus_connected{<sel>})`, "connected"}}},
			{"Instances", "By version.", Stat, "short", []Query{{`count by (tenancy_version) (tenancy_build_info{<sel>})`, "{{tenancy_version}}"}}},
		}},
		{"Operations", []Panel{
			{"Operations", "Calls of the store, by method.", Stacked, "ops",
				[]Query{{`sum by (tenancy_operation) (rate(tenancy_operations_total{<sel>}[$__rate_interval])) > 0`, "{{tenancy_operation}}"}}},
			{"Outcomes", "Calls of the store, by how they ended.", Stacked, "ops",
				[]Query{{`sum by (tenancy_outcome) (rate(tenancy_operations_total{<sel>}[$__rate_interval]))`, "{{tenancy_outcome}}"}}},
			{"Failures by operation", "", Stacked, "ops",
				[]Query{{`sum by (tenancy_operation, tenancy_outcome) (rate(tenancy_operations_total{<sel>, ` + failures + `}[$__rate_interval])) > 0`, "{{tenancy_operation}} {{tenancy_outcome}}"}}},
			{"Duration of lookups", "Of lookups of one tenant (get_by_…, former_owner, exists), one call in 64 is measured.", Lines, "s", quantiles("tenancy_operation_duration_seconds", `tenancy_operation=~"get_by_id|get_by_identifier|get_by_domain|former_owner|exists"`)},
			{"p99 of operations", "", Lines, "s",
				[]Query{{`histogram_quantile(0.99, sum by (le, tenancy_operation) (rate(tenancy_operation_duration_seconds_bucket{<sel>}[$__rate_interval])))`, "{{tenancy_operation}}"}}},
			{"Durations of lookups", "How many lookups took how long.", Heatmap, "s",
				[]Query{{`sum by (le) (increase(tenancy_operation_duration_seconds_bucket{<sel>, tenancy_operation=~"get_by_id|get_by_identifier|get_by_domain|former_owner|exists"}[$__rate_interval]))`, "{{le}}"}}},
		}},
		{"Caches", []Panel{
			{"Lookups by result", "hit and negative were answered by the cache; of stale an entry was found that must not be served; error could not be asked.", Stacked, "ops",
				[]Query{{`sum by (tenancy_tier, tenancy_result) (rate(tenancy_cache_lookups_total{<sel>}[$__rate_interval]))`, "{{tenancy_tier}} {{tenancy_result}}"}}},
			{"Loads from below", "Calls of the store below the caches, which reach the database.", Lines, "ops",
				[]Query{{`sum(rate(tenancy_cache_load_duration_seconds_count{<sel>}[$__rate_interval]))`, "loads"}}},
			{"Loads per lookup", "Part of the lookups that no cache answered, refreshes included.", Lines, "percentunit",
				[]Query{{`sum(rate(tenancy_cache_load_duration_seconds_count{<sel>}[$__rate_interval])) / (sum(rate(tenancy_cache_lookups_total{<sel>, tenancy_tier="l1"}[$__rate_interval])) > 0)`, "loads"}}},
			{"Coalesced", "Part of the lookups that waited for the load of another caller, of those that missed.", Lines, "percentunit",
				[]Query{{`sum(rate(tenancy_cache_coalesced_loads_total{<sel>}[$__rate_interval])) / sum(rate(tenancy_cache_lookups_total{<sel>, tenancy_tier="l1", tenancy_result!~"hit|negative"}[$__rate_interval]))`, "coalesced"}}},
			{"Stale and negative", "Part of the lookups: of stale, an entry was found that must not be served; negative says that there is no tenant.", Lines, "percentunit",
				[]Query{{`sum by (tenancy_tier, tenancy_result) (rate(tenancy_cache_lookups_total{<sel>, tenancy_result=~"stale|negative"}[$__rate_interval])) / ignoring(tenancy_result) group_left sum by (tenancy_tier) (rate(tenancy_cache_lookups_total{<sel>}[$__rate_interval]))`, "{{tenancy_tier}} {{tenancy_result}}"}}},
			{"Loads under way", "", Lines, "short",
				[]Query{{`sum(tenancy_cache_loads_inflight{<sel>})`, "loads"}}},
			{"p99 of a shared cache", "", Lines, "s",
				[]Query{{`histogram_quantile(0.99, sum by (le, tenancy_tier) (rate(tenancy_cache_lookup_duration_seconds_bucket{<sel>}[$__rate_interval])))`, "{{tenancy_tier}}"}}},
			{"p99 of loads", "", Lines, "s",
				[]Query{{`histogram_quantile(0.99, sum by (le) (rate(tenancy_cache_load_duration_seconds_bucket{<sel>}[$__rate_interval])))`, "p99"}}},
			{"Fills and refreshes", "uncacheable: a tenant has a secret, and the shared cache no sealer.", Lines, "ops",
				[]Query{
					{`sum by (tenancy_tier, tenancy_outcome) (rate(tenancy_cache_fills_total{<sel>}[$__rate_interval]))`, "{{tenancy_tier}} fill {{tenancy_outcome}}"},
					{`sum by (tenancy_tier) (rate(tenancy_cache_refreshes_total{<sel>}[$__rate_interval]))`, "{{tenancy_tier}} refresh"},
				}},
			{"Trouble with caches", "errors never fail a lookup. denied entries belong to a history that the database lost; unapplied changes are ones that a shared cache was not told of.", Lines, "ops",
				[]Query{
					{`sum by (tenancy_tier) (rate(tenancy_cache_errors_total{<sel>}[$__rate_interval]))`, "{{tenancy_tier}} errors"},
					{`sum by (tenancy_tier) (rate(tenancy_cache_denied_total{<sel>}[$__rate_interval]))`, "{{tenancy_tier}} denied"},
					{`sum by (tenancy_tier) (rate(tenancy_cache_unapplied_changes_total{<sel>}[$__rate_interval]))`, "{{tenancy_tier}} unapplied"},
				}},
			{"Entries", "", Lines, "short",
				[]Query{{`sum by (tenancy_tier, tenancy_kind) (tenancy_cache_entries{<sel>})`, "{{tenancy_tier}} {{tenancy_kind}}"}}},
			{"Fill", "Part of the capacity that is used.", Lines, "percentunit",
				[]Query{{`max by (tenancy_tier, tenancy_kind) (tenancy_cache_fill_ratio{<sel>})`, "{{tenancy_tier}} {{tenancy_kind}}"}}},
			{"Evictions by reason", "capacity: gave way to another; rejected: not kept, because others are used more; expired; cleared by InvalidateAll.", Stacked, "ops",
				[]Query{{`sum by (tenancy_tier, tenancy_kind, tenancy_reason) (rate(tenancy_cache_evictions_total{<sel>}[$__rate_interval]))`, "{{tenancy_tier}} {{tenancy_kind}} {{tenancy_reason}}"}}},
		}},
		{"Coherence", []Panel{
			{"Lag of changes", "From a change in the database until an instance obeyed it.", Lines, "s", quantiles("tenancy_log_lag_seconds", "")},
			{"Invalidations", "change: one change obeyed. The others flush: the log was trimmed too early, has another history (a restored backup), InvalidateAll.", Stacked, "ops",
				[]Query{{`sum by (tenancy_source) (rate(tenancy_invalidations_total{<sel>}[$__rate_interval]))`, "{{tenancy_source}}"}}},
			{"Revision", "To which instances followed the log, and how far they are apart.", Lines, "short",
				[]Query{
					{`max(tenancy_log_revision{<sel>})`, "newest"},
					{`max(tenancy_log_revision{<sel>}) - min(tenancy_log_revision{<sel>})`, "apart"},
				}},
			{"Last contact with the log", "The longest time for which an instance could not read it.", Lines, "s",
				[]Query{{`max(` + unread + `)`, "age"}}},
			{"Served while the log cannot be read", "Lookups that were answered from a cache meanwhile.", Lines, "ops",
				[]Query{{`sum by (tenancy_tier) (rate(tenancy_cache_stale_served_total{<sel>}[$__rate_interval]))`, "{{tenancy_tier}}"}}},
			{"Trouble with the log", "unfollowed: writes after which the log could not be read, so that caches stopped serving. skew: changes from the future.", Lines, "ops",
				[]Query{
					{`sum(rate(tenancy_log_unfollowed_writes_total{<sel>}[$__rate_interval]))`, "unfollowed"},
					{`sum(rate(tenancy_log_clock_skew_total{<sel>}[$__rate_interval]))`, "skew"},
				}},
		}},
		{"Replicas", []Panel{
			{"Replicas by phase", "synced: all reads come from memory. The others may ask the database.", Stacked, "short",
				[]Query{{`sum by (tenancy_phase) (tenancy_replica_phase{<sel>})`, "{{tenancy_phase}}"}}},
			{"Lookups of replicas", "hit and negative were answered from memory; source went to the database.", Stacked, "ops",
				[]Query{{`sum by (tenancy_result) (rate(tenancy_replica_lookups_total{<sel>}[$__rate_interval]))`, "{{tenancy_result}}"}}},
			{"Tenants in memory", "Of the replica with the most, and how far replicas are apart.", Lines, "short",
				[]Query{
					{`max(tenancy_replica_tenants{<sel>})`, "most"},
					{`max(tenancy_replica_tenants{<sel>}) - min(tenancy_replica_tenants{<sel>})`, "apart"},
				}},
			{"Scans", "Times that a replica began to read all tenants.", Lines, "short",
				[]Query{{`sum(increase(tenancy_replica_scans_total{<sel>}[$__rate_interval]))`, "scans"}}},
			{"Age of the snapshot file", "Of the oldest one.", Lines, "s",
				[]Query{{`time() - min(tenancy_replica_snapshot_timestamp_seconds{<sel>} > 0)`, "age"}}},
		}},
		{"Pools of resources", []Panel{
			{"Resources by state", "The limit is that of all instances.", Stacked, "short",
				[]Query{
					{`sum by (tenancy_state) (tenancy_pool_resources{<sel>})`, "{{tenancy_state}}"},
					{`sum(tenancy_pool_limit{<sel>})`, "limit"},
				}},
			{"Calls of Get", "hit: the resource was open. exhausted: all were in use. failed: it cannot be opened.", Stacked, "ops",
				[]Query{{`sum by (tenancy_outcome) (rate(tenancy_pool_gets_total{<sel>}[$__rate_interval]))`, "{{tenancy_outcome}}"}}},
			{"Tenants without a resource", "waiting: there is no room. failing: the last open failed.", Lines, "short",
				[]Query{{`sum by (tenancy_state) (tenancy_pool_tenants{<sel>})`, "{{tenancy_state}}"}}},
			{"Opens", "", Lines, "ops",
				[]Query{{`sum by (tenancy_outcome) (rate(tenancy_pool_opens_total{<sel>}[$__rate_interval]))`, "{{tenancy_outcome}}"}}},
			{"Closes by reason", "forced: while in use, because the work did not end in time.", Stacked, "ops",
				[]Query{
					{`sum by (tenancy_reason) (rate(tenancy_pool_closes_total{<sel>}[$__rate_interval]))`, "{{tenancy_reason}}"},
					{`sum(rate(tenancy_pool_forced_closes_total{<sel>}[$__rate_interval]))`, "forced"},
				}},
		}},
		{"Breakers and bus", []Panel{
			{"Breaker states", "1 for the state that a breaker is in, summed over the instances.", Lines, "short",
				[]Query{{`sum by (tenancy_name, tenancy_state) (tenancy_breaker_state{<sel>})`, "{{tenancy_name}} {{tenancy_state}}"}}},
			{"Breaker transitions", "", Lines, "ops",
				[]Query{{`sum by (tenancy_name, tenancy_to) (rate(tenancy_breaker_transitions_total{<sel>}[$__rate_interval]))`, "{{tenancy_name}} to {{tenancy_to}}"}}},
			{"Calls failed and refused", "refused: not made, because the breaker was open or too many were under way.", Lines, "ops",
				[]Query{
					{`sum by (tenancy_name) (rate(tenancy_breaker_failures_total{<sel>}[$__rate_interval]))`, "{{tenancy_name}} failed"},
					{`sum by (tenancy_name) (rate(tenancy_breaker_refused_total{<sel>}[$__rate_interval]))`, "{{tenancy_name}} refused"},
				}},
			{"Bus messages", "", Lines, "ops",
				[]Query{
					{`sum by (tenancy_direction, tenancy_outcome) (rate(tenancy_bus_messages_total{<sel>}[$__rate_interval]))`, "{{tenancy_direction}} {{tenancy_outcome}}"},
					{`sum(rate(tenancy_bus_resubscriptions_total{<sel>}[$__rate_interval]))`, "resubscriptions"},
				}},
			{"Last message of the bus", "", Lines, "s",
				[]Query{{`time() - max(tenancy_bus_last_message_timestamp_seconds{<sel>} > 0)`, "age"}}},
		}},
		{"Tenants", []Panel{
			{"Tenants by status", "Instances agree, so it is the largest of their numbers.", Stacked, "short",
				[]Query{{`max by (tenancy_status) (tenancy_tenants{<sel>})`, "{{tenancy_status}}"}}},
			{"Age of the count", "", Lines, "s",
				[]Query{{`time() - max(tenancy_tenants_refreshed_timestamp_seconds{<sel>})`, "age"}}},
		}},
		{"HTTP", []Panel{
			{"Requests by outcome", "What became of requests in the middleware.", Stacked, "reqps",
				[]Query{{`sum by (tenancy_outcome) (rate(tenancy_http_resolutions_total{<sel>}[$__rate_interval]))`, "{{tenancy_outcome}}"}}},
			{"Requests by resolver", "Which resolver decided.", Stacked, "reqps",
				[]Query{{`sum by (tenancy_resolver) (rate(tenancy_http_resolutions_total{<sel>}[$__rate_interval])) > 0`, "{{tenancy_resolver}}"}}},
			{"Time to find the tenant", "", Lines, "s", quantiles("tenancy_http_resolution_duration_seconds", `tenancy_outcome="resolved"`)},
		}},
	}
}

// quantiles are the queries of a histogram, over all its series that match.
func quantiles(metric, match string) []Query {
	if match != "" {
		match = ", " + match
	}
	queries := make([]Query, 0, 3)
	for _, q := range []struct{ value, name string }{{"0.5", "p50"}, {"0.99", "p99"}, {"0.999", "p99.9"}} {
		queries = append(queries, Query{
			`histogram_quantile(` + q.value + `, sum by (le) (rate(` + metric + `_bucket{<sel>` + match + `}[$__rate_interval])))`, q.name,
		})
	}
	return queries
}
