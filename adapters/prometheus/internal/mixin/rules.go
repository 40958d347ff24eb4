package mixin

// Recording is a recording rule.
type Recording struct {
	Record string
	Expr   string
}

// Alert is an alerting rule with its tests.
type Alert struct {
	Name        string
	Expr        string
	For         string
	Severity    string // page, ticket, info
	Summary     string
	Description string
	Test        Test
}

// Test says which series make an alert fire and which do not, after so long. A series
// is a metric with labels and its values in the notation of promtool, one each
// minute. The labels job, instance and store need not be named.
type Test struct {
	After  string
	Fires  []Input
	Silent []Input
	Seldom []Input           // silent too: a failure where there is hardly any traffic
	Labels map[string]string // of the alert, besides severity, job and store
}

// Input is a series and its values.
type Input struct{ Series, Values string }

// windows are those of the burn rates, and of the dashboards' readers.
func windows() []string { return []string{"5m", "30m", "1h", "6h"} }

// Recordings returns the recording rules: ratios, whose names say by which labels
// they are aggregated and over which time.
func Recordings() []Recording {
	var all []Recording
	for _, w := range windows() {
		all = append(all, Recording{
			"job_store:tenancy_operations:failure_ratio_rate" + w,
			`sum by (job, tenancy_store) (rate(tenancy_operations_total{<sel>, ` + failures + `}[` + w + `])) / sum by (job, tenancy_store) (rate(tenancy_operations_total{<sel>}[` + w + `]))`,
		})
	}
	return append(all,
		Recording{"job_store_tier:tenancy_cache_lookups:rate5m", `sum by (job, tenancy_store, tenancy_tier) (rate(tenancy_cache_lookups_total{<sel>}[5m]))`},
		Recording{"job_store_tier:tenancy_cache_lookups:hit_ratio_rate5m",
			`sum by (job, tenancy_store, tenancy_tier) (rate(tenancy_cache_lookups_total{<sel>, tenancy_result=~"hit|negative"}[5m])) / sum by (job, tenancy_store, tenancy_tier) (rate(tenancy_cache_lookups_total{<sel>}[5m]))`},
		Recording{"job_store:tenancy_log_lag_seconds:p99_rate10m",
			`histogram_quantile(0.99, sum by (job, tenancy_store, le) (rate(tenancy_log_lag_seconds_bucket{<sel>}[10m])))`},
		Recording{"job_store:tenancy_tenants_provisioning:max", `max by (job, tenancy_store) (tenancy_tenants{<sel>, tenancy_status="provisioning"})`},
	)
}

// several says that more than ten calls failed in a window: where there are few calls,
// a single one is more than any ratio.
func several(window string) string {
	return `sum by (job, tenancy_store) (increase(tenancy_operations_total{<sel>, ` + failures + `}[` + window + `])) > 10`
}

// writes selects the operations that change something.
const writes = `tenancy_operation=~"create|create_batch|update|set_status|bulk_update_status|update_metadata|delete|purge"`

// unread is for how long the change log was not read. It is not time() - …: what was
// scraped a minute ago is no older than it was then.
const unread = `timestamp(tenancy_log_last_contact_timestamp_seconds{<sel>}) - tenancy_log_last_contact_timestamp_seconds{<sel>}`

// Alerts returns the alerting rules. docs/operations.md has a runbook for each.
func Alerts() []Alert {
	return append(append(replicaAlerts(), poolAlerts()...), []Alert{
		{
			Name: "TenancyFailuresFast", For: "2m", Severity: "page",
			Expr: `job_store:tenancy_operations:failure_ratio_rate1h{<sel>} > 14.4 * 0.001 and job_store:tenancy_operations:failure_ratio_rate5m{<sel>} > 14.4 * 0.001 and ` + several("1h"),

			Summary:     "The tenant store fails too often",
			Description: "{{ $value | humanizePercentage }} of the calls of the last hour failed: at this rate, a month's budget of 0.1 % is used up in two days.",
			Test: Test{
				After: "70m",
				Fires: []Input{
					{`tenancy_operations_total{tenancy_operation="get_by_id", tenancy_outcome="ok"}`, "0+900x80"},
					{`tenancy_operations_total{tenancy_operation="get_by_id", tenancy_outcome="unavailable"}`, "0+100x80"},
				},
				Silent: []Input{
					{`tenancy_operations_total{tenancy_operation="get_by_id", tenancy_outcome="ok"}`, "0+900x80"},
					{`tenancy_operations_total{tenancy_operation="get_by_id", tenancy_outcome="not_found"}`, "0+100x80"},
					{`tenancy_operations_total{tenancy_operation="get_by_id", tenancy_outcome="unavailable"}`, "0+1x80"},
				},
				Seldom: []Input{
					{`tenancy_operations_total{tenancy_operation="get_by_id", tenancy_outcome="ok"}`, "0+1x80"},
					{`tenancy_operations_total{tenancy_operation="update", tenancy_outcome="timeout"}`, "0x66 1x20"},
				},
			},
		},
		{
			Name: "TenancyFailuresSlow", For: "15m", Severity: "ticket",
			Expr: `job_store:tenancy_operations:failure_ratio_rate6h{<sel>} > 6 * 0.001 and job_store:tenancy_operations:failure_ratio_rate30m{<sel>} > 6 * 0.001 and ` + several("6h"),

			Summary:     "The tenant store fails more often than it may",
			Description: "{{ $value | humanizePercentage }} of the calls of the last 6 hours failed: at this rate, a month's budget of 0.1 % is used up in five days.",
			Test: Test{
				After: "400m",
				Fires: []Input{
					{`tenancy_operations_total{tenancy_operation="get_by_id", tenancy_outcome="ok"}`, "0+990x410"},
					{`tenancy_operations_total{tenancy_operation="get_by_id", tenancy_outcome="timeout"}`, "0+10x410"},
				},
				Silent: []Input{ // an hour of trouble that is over
					{`tenancy_operations_total{tenancy_operation="get_by_id", tenancy_outcome="ok"}`, "0+990x410"},
					{`tenancy_operations_total{tenancy_operation="get_by_id", tenancy_outcome="timeout"}`, "0+100x60 6000x350"},
				},
				Seldom: []Input{
					{`tenancy_operations_total{tenancy_operation="get_by_id", tenancy_outcome="ok"}`, "0+0.25x410"},
					{`tenancy_operations_total{tenancy_operation="update", tenancy_outcome="timeout"}`, "0x380 1x30"},
				},
			},
		},
		{
			// Beside the reads, failures of writes are too few for a budget. A queue of NOTIFY
			// that is full, a privilege or a trigger that is missing fail all of them, and no read.
			Name: "TenancyWritesFail", For: "2m", Severity: "page",
			Expr: `sum by (job, tenancy_store) (increase(tenancy_operations_total{<sel>, ` + writes + `, ` + failures + `}[15m])) > 2 and ` +
				`sum by (job, tenancy_store) (increase(tenancy_operations_total{<sel>, ` + writes + `, ` + failures + `}[15m])) > 0.5 * ` +
				`sum by (job, tenancy_store) (increase(tenancy_operations_total{<sel>, ` + writes + `}[15m]))`,

			Summary:     "Most writes of tenants fail",
			Description: "{{ $value | humanize }} writes of the last 15 minutes failed, more than half of all. Reads may go on: look at the errors for the cause.",
			Test: Test{
				After: "25m",
				Fires: []Input{
					{`tenancy_operations_total{tenancy_operation="get_by_id", tenancy_outcome="ok"}`, "0+9000x40"},
					{`tenancy_operations_total{tenancy_operation="update", tenancy_outcome="ok"}`, "0+1x10 10x30"},
					{`tenancy_operations_total{tenancy_operation="set_status", tenancy_outcome="unavailable"}`, "0x10 0+1x30"},
				},
				Silent: []Input{ // reads fail, and writes of callers who are wrong
					{`tenancy_operations_total{tenancy_operation="get_by_id", tenancy_outcome="unavailable"}`, "0+9000x40"},
					{`tenancy_operations_total{tenancy_operation="update", tenancy_outcome="ok"}`, "0+1x40"},
					{`tenancy_operations_total{tenancy_operation="update", tenancy_outcome="conflict"}`, "0+5x40"},
					{`tenancy_operations_total{tenancy_operation="update", tenancy_outcome="unavailable"}`, "0+0.5x40"},
				},
				Seldom: []Input{
					{`tenancy_operations_total{tenancy_operation="update", tenancy_outcome="timeout"}`, "0x20 1x20"},
				},
			},
		},
		{
			Name: "TenancyNotServing", For: "2m", Severity: "page",
			Expr: `min by (job, tenancy_store, instance) (tenancy_log_serving{<sel>}) == 0`,

			Summary:     "An instance serves nothing from its caches",
			Description: "{{ $labels.instance }} has not read the change log, or could not for longer than MaxStale: every lookup goes to the database.",
			Test: Test{
				After: "10m", Labels: map[string]string{"instance": "a"},
				Fires:  []Input{{`tenancy_log_serving`, "1x2 0x20"}},
				Silent: []Input{{`tenancy_log_serving`, "1x8 0 1x20"}},
			},
		},
		{
			Name: "TenancyLogUnreadable", For: "1m", Severity: "page",
			Expr: `max by (job, tenancy_store, instance) (` + unread + `) > 30`,

			Summary:     "An instance cannot read the change log",
			Description: "{{ $labels.instance }} has not read the change log for {{ $value | humanizeDuration }}. It serves what it has until MaxStale is over.",
			Test: Test{
				After: "11m", Labels: map[string]string{"instance": "a"},
				Fires:  []Input{{`tenancy_log_last_contact_timestamp_seconds`, "0+60x5 300x10"}},
				Silent: []Input{{`tenancy_log_last_contact_timestamp_seconds`, "0 _ _ 180 _ _ 360 _ _ 540 _ _ 720"}}, // scraped seldom
			},
		},
		{
			Name: "TenancyStaleServing", For: "2m", Severity: "page",
			// The rate alone would tell of it when it is over, and for minutes after.
			Expr: `sum by (job, tenancy_store) (rate(tenancy_cache_stale_served_total{<sel>}[5m]) and on (job, tenancy_store, instance) (` + unread + `) > 30 and on (job, tenancy_store, instance) tenancy_log_serving{<sel>} == 1) > 0`,

			Summary:     "Tenants are served that may be outdated",
			Description: "{{ $value | humanize }} lookups per second are answered from caches while the change log cannot be read: suspensions are not seen.",
			Test: Test{
				After: "4m", // while MaxStale, of 5 minutes, is not over
				Fires: []Input{
					{`tenancy_cache_stale_served_total{tenancy_tier="l1"}`, "0+60x30"}, {`tenancy_log_last_contact_timestamp_seconds`, "0x30"}, {`tenancy_log_serving`, "1x30"},
				},
				Silent: []Input{ // short outages, that are over
					{`tenancy_cache_stale_served_total{tenancy_tier="l1"}`, "0+60x30"}, {`tenancy_log_last_contact_timestamp_seconds`, "0+60x30"}, {`tenancy_log_serving`, "1x30"},
				},
			},
		},
		{
			Name: "TenancyHistoryDiverged", For: "0m", Severity: "ticket",
			Expr: `sum by (job, tenancy_store) (increase(tenancy_invalidations_total{<sel>, tenancy_source="diverged"}[10m])) > 0`,

			Summary:     "The database has another history",
			Description: "A backup was restored, or a replica promoted that had lost commits. Caches were flushed; commits may be lost.",
			Test: Test{
				After:  "10m",
				Fires:  []Input{{`tenancy_invalidations_total{tenancy_source="diverged"}`, "0x6 1x20"}},
				Silent: []Input{{`tenancy_invalidations_total{tenancy_source="change"}`, "0+9x20"}, {`tenancy_invalidations_total{tenancy_source="diverged"}`, "1x20"}},
			},
		},
		{
			Name: "TenancyLogTrimmedTooEarly", For: "0m", Severity: "ticket",
			Expr: `sum by (job, tenancy_store) (increase(tenancy_invalidations_total{<sel>, tenancy_source="compacted"}[1h])) > 0`,

			Summary:     "The change log was trimmed before an instance had read it",
			Description: "Caches were flushed, which costs a burst of misses: raise the retention of the log.",
			Test: Test{
				After:  "10m",
				Fires:  []Input{{`tenancy_invalidations_total{tenancy_source="compacted"}`, "0x6 1x20"}},
				Silent: []Input{{`tenancy_invalidations_total{tenancy_source="requested"}`, "0+1x20"}, {`tenancy_invalidations_total{tenancy_source="compacted"}`, "0x20"}},
			},
		},
		{
			Name: "TenancyChangesLate", For: "10m", Severity: "ticket",
			Expr: `job_store:tenancy_log_lag_seconds:p99_rate10m{<sel>} > 10`,

			Summary:     "Changes reach instances late",
			Description: "99 % of the changes are obeyed within {{ $value | humanizeDuration }} only.",
			Test: Test{
				After: "40m",
				Fires: []Input{
					{`tenancy_log_lag_seconds_bucket{le="10"}`, "0x50"}, {`tenancy_log_lag_seconds_bucket{le="30"}`, "0+6x50"}, {`tenancy_log_lag_seconds_bucket{le="+Inf"}`, "0+6x50"},
				},
				Silent: []Input{
					{`tenancy_log_lag_seconds_bucket{le="10"}`, "0+6x50"}, {`tenancy_log_lag_seconds_bucket{le="30"}`, "0+6x50"}, {`tenancy_log_lag_seconds_bucket{le="+Inf"}`, "0+6x50"},
				},
			},
		},
		{
			Name: "TenancyBreakerOpen", For: "2m", Severity: "ticket",
			Expr: `min by (job, tenancy_store, instance, tenancy_name) (tenancy_breaker_state{<sel>, tenancy_state="closed"}) == 0`,

			Summary:     "An instance does not use its shared cache or bus",
			Description: "The breaker of {{ $labels.tenancy_name }} on {{ $labels.instance }} is open: the database does the work of the cache.",
			Test: Test{
				After: "10m", Labels: map[string]string{"instance": "a", "tenancy_name": "l2"},
				Fires:  []Input{{`tenancy_breaker_state{tenancy_name="l2", tenancy_state="closed"}`, "1x3 0x20"}, {`tenancy_breaker_state{tenancy_name="l2", tenancy_state="open"}`, "0x3 1x20"}},
				Silent: []Input{{`tenancy_breaker_state{tenancy_name="l2", tenancy_state="closed"}`, "1x8 0 1x20"}},
			},
		},
		{
			Name: "TenancyBusDisconnected", For: "5m", Severity: "ticket",
			Expr: `min by (job, tenancy_store, instance) (tenancy_bus_connected{<sel>}) == 0`,

			Summary:     "An instance gets no messages of the others",
			Description: "Changes reach {{ $labels.instance }} by polling, up to a poll interval late.",
			Test: Test{
				After: "10m", Labels: map[string]string{"instance": "a"},
				Fires:  []Input{{`tenancy_bus_connected`, "1x2 0x20"}},
				Silent: []Input{{`tenancy_bus_connected`, "1x6 0x2 1x20"}},
			},
		},
		{
			Name: "TenancyHitRatioLow", For: "15m", Severity: "ticket",
			Expr: `job_store_tier:tenancy_cache_lookups:hit_ratio_rate5m{<sel>, tenancy_tier="l1"} < 0.5 and job_store_tier:tenancy_cache_lookups:rate5m{<sel>, tenancy_tier="l1"} > 10`,

			Summary:     "The local caches answer little",
			Description: "Only {{ $value | humanizePercentage }} of the lookups are answered in the process.",
			Test: Test{
				After: "40m", Labels: map[string]string{"tenancy_tier": "l1"},
				Fires: []Input{
					{`tenancy_cache_lookups_total{tenancy_tier="l1", tenancy_result="hit"}`, "0+300x50"}, {`tenancy_cache_lookups_total{tenancy_tier="l1", tenancy_result="miss"}`, "0+900x50"},
				},
				Silent: []Input{ // as bad, but with hardly any traffic
					{`tenancy_cache_lookups_total{tenancy_tier="l1", tenancy_result="hit"}`, "0+3x50"}, {`tenancy_cache_lookups_total{tenancy_tier="l1", tenancy_result="miss"}`, "0+9x50"},
				},
			},
		},
		{
			Name: "TenancyLoadsRepeated", For: "10m", Severity: "ticket",
			// Refreshes and the reads of Fresh and Modify load without a miss.
			Expr: `sum by (job, tenancy_store) (rate(tenancy_cache_load_duration_seconds_count{<sel>}[15m])) - sum by (job, tenancy_store) (rate(tenancy_cache_refreshes_total{<sel>, tenancy_tier="l1"}[15m])) - sum by (job, tenancy_store) (rate(tenancy_operations_total{<sel>, tenancy_operation="load"}[15m])) > 1.5 * sum by (job, tenancy_store) (rate(tenancy_cache_lookups_total{<sel>, tenancy_tier="l1", tenancy_result!~"hit|negative"}[15m])) + 1`,

			Summary:     "A miss costs more than one load",
			Description: "Loads are thrown away and repeated: what they return is outdated when it arrives, or of another history.",
			Test: Test{
				After: "40m",
				Fires: []Input{
					{`tenancy_cache_load_duration_seconds_count`, "0+600x50"}, {`tenancy_cache_refreshes_total{tenancy_tier="l1"}`, "0x50"},
					{`tenancy_operations_total{tenancy_operation="load", tenancy_outcome="ok"}`, "0x50"},
					{`tenancy_cache_lookups_total{tenancy_tier="l1", tenancy_result="miss"}`, "0+120x50"},
				},
				Silent: []Input{
					{`tenancy_cache_load_duration_seconds_count`, "0+900x50"}, {`tenancy_cache_refreshes_total{tenancy_tier="l1"}`, "0+480x50"},
					{`tenancy_operations_total{tenancy_operation="load", tenancy_outcome="ok"}`, "0+300x50"},
					{`tenancy_cache_lookups_total{tenancy_tier="l1", tenancy_result="miss"}`, "0+120x50"},
				},
			},
		},
		{
			Name: "TenancyEnumeration", For: "10m", Severity: "ticket",
			Expr: `sum by (job, tenancy_store) (rate(tenancy_operations_total{<sel>, tenancy_operation=~"get_by_id|get_by_identifier|get_by_domain", tenancy_outcome="not_found"}[5m])) > 10 and sum by (job, tenancy_store) (rate(tenancy_operations_total{<sel>, tenancy_operation=~"get_by_id|get_by_identifier|get_by_domain", tenancy_outcome="not_found"}[5m])) > 0.5 * sum by (job, tenancy_store) (rate(tenancy_operations_total{<sel>, tenancy_operation=~"get_by_id|get_by_identifier|get_by_domain"}[5m]))`,

			Summary:     "Most lookups are for tenants that do not exist",
			Description: "{{ $value | humanize }} lookups per second find no tenant: somebody may be trying names.",
			Test: Test{
				After: "30m",
				Fires: []Input{
					{`tenancy_operations_total{tenancy_operation="get_by_identifier", tenancy_outcome="ok"}`, "0+600x50"},
					{`tenancy_operations_total{tenancy_operation="get_by_identifier", tenancy_outcome="not_found"}`, "0+450x50"},
					{`tenancy_operations_total{tenancy_operation="get_by_domain", tenancy_outcome="not_found"}`, "0+450x50"}, // neither is enough alone
				},
				Silent: []Input{
					{`tenancy_operations_total{tenancy_operation="get_by_identifier", tenancy_outcome="ok"}`, "0+600x50"},
					{`tenancy_operations_total{tenancy_operation="get_by_domain", tenancy_outcome="ok"}`, "0+5400x50"},
					{`tenancy_operations_total{tenancy_operation="get_by_identifier", tenancy_outcome="not_found"}`, "0+900x50"},
				},
			},
		},
		{
			Name: "TenancyTenantCountsStale", For: "10m", Severity: "ticket",
			Expr: `time() - max by (job, tenancy_store) (tenancy_tenants_refreshed_timestamp_seconds{<sel>}) > 900`,

			Summary:     "The number of tenants is outdated",
			Description: "Tenants were last counted {{ $value | humanizeDuration }} ago.",
			Test: Test{
				After:  "40m",
				Fires:  []Input{{`tenancy_tenants_refreshed_timestamp_seconds`, "0+60x5 300x50"}},
				Silent: []Input{{`tenancy_tenants_refreshed_timestamp_seconds`, "0+60x50"}},
			},
		},
		{
			Name: "TenancyProvisioningStuck", For: "1h", Severity: "ticket",
			Expr: `min_over_time(job_store:tenancy_tenants_provisioning:max{<sel>}[1h]) > 0`,

			Summary:     "Tenants are being set up for hours",
			Description: "At least {{ $value }} tenants have the status provisioning all the time.",
			Test: Test{
				After:  "130m",
				Fires:  []Input{{`tenancy_tenants{tenancy_status="provisioning"}`, "2x140"}},
				Silent: []Input{{`tenancy_tenants{tenancy_status="provisioning"}`, "2x100 0 2x40"}},
			},
		},
		{
			Name: "TenancyHTTPUnavailable", For: "5m", Severity: "page",
			Expr: `sum by (job, tenancy_store) (rate(tenancy_http_resolutions_total{<sel>, tenancy_outcome="unavailable"}[5m])) > 0.01 * sum by (job, tenancy_store) (rate(tenancy_http_resolutions_total{<sel>}[5m])) and sum by (job, tenancy_store) (increase(tenancy_http_resolutions_total{<sel>, tenancy_outcome="unavailable"}[5m])) > 5`,

			Summary:     "Requests are refused because their tenants cannot be looked up",
			Description: "{{ $value | humanize }} requests per second get status 503.",
			Test: Test{
				After: "20m",
				Fires: []Input{
					{`tenancy_http_resolutions_total{tenancy_resolver="subdomain", tenancy_outcome="resolved"}`, "0+600x30"}, {`tenancy_http_resolutions_total{tenancy_resolver="subdomain", tenancy_outcome="unavailable"}`, "0+60x30"},
				},
				Silent: []Input{
					{`tenancy_http_resolutions_total{tenancy_resolver="subdomain", tenancy_outcome="resolved"}`, "0+600x30"}, {`tenancy_http_resolutions_total{tenancy_resolver="subdomain", tenancy_outcome="unknown"}`, "0+60x30"},
					{`tenancy_http_resolutions_total{tenancy_resolver="subdomain", tenancy_outcome="unavailable"}`, "0x30"},
				},
				Seldom: []Input{
					{`tenancy_http_resolutions_total{tenancy_resolver="subdomain", tenancy_outcome="resolved"}`, "0+1x30"},
					{`tenancy_http_resolutions_total{tenancy_resolver="subdomain", tenancy_outcome="unavailable"}`, "0x10 1x3 2x20"},
				},
			},
		},
	}...)
}
