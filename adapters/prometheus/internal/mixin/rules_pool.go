package mixin

// poolAlerts are the alerts about pools of tenants' resources.
func poolAlerts() []Alert {
	return []Alert{
		{
			Name: "TenancyPoolExhausted", For: "5m", Severity: "page",
			Expr: `sum by (job, tenancy_store) (rate(tenancy_pool_gets_total{<sel>, tenancy_outcome="exhausted"}[5m])) > 0.01 * sum by (job, tenancy_store) (rate(tenancy_pool_gets_total{<sel>}[5m])) and sum by (job, tenancy_store) (increase(tenancy_pool_gets_total{<sel>, tenancy_outcome="exhausted"}[5m])) > 5`,

			Summary:     "All resources of a pool are in use",
			Description: "{{ $value | humanize }} calls of Get per second find no room for their tenant's resource.",
			Test: Test{
				After: "20m",
				Fires: []Input{
					{`tenancy_pool_gets_total{tenancy_outcome="hit"}`, "0+600x30"}, {`tenancy_pool_gets_total{tenancy_outcome="exhausted"}`, "0+60x30"},
				},
				Silent: []Input{
					{`tenancy_pool_gets_total{tenancy_outcome="hit"}`, "0+600x30"}, {`tenancy_pool_gets_total{tenancy_outcome="failed"}`, "0+60x30"},
					{`tenancy_pool_gets_total{tenancy_outcome="exhausted"}`, "0x30"},
				},
				Seldom: []Input{
					{`tenancy_pool_gets_total{tenancy_outcome="hit"}`, "0+1x30"}, {`tenancy_pool_gets_total{tenancy_outcome="exhausted"}`, "0x10 1x3 2x20"},
				},
			},
		},
		{
			Name: "TenancyPoolForcedCloses", For: "0m", Severity: "ticket",
			Expr: `sum by (job, tenancy_store) (increase(tenancy_pool_forced_closes_total{<sel>}[1h])) > 0`,

			Summary:     "Resources of a pool were closed while they were in use",
			Description: "Work went on for longer than WithDrain after its tenant's resource had to go, and has lost it.",
			Test: Test{
				After:  "10m",
				Fires:  []Input{{`tenancy_pool_forced_closes_total`, "0x6 1x20"}},
				Silent: []Input{{`tenancy_pool_forced_closes_total`, "0x20"}},
			},
		},
	}
}
