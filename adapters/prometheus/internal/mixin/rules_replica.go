package mixin

// replicaAlerts are the alerts about replicas.
func replicaAlerts() []Alert {
	return []Alert{
		{
			Name: "TenancyReplicaNotSynced", For: "10m", Severity: "ticket",
			Expr: `max by (job, tenancy_store, instance) (tenancy_replica_phase{<sel>, tenancy_phase="synced"}) == 0 unless max by (job, tenancy_store, instance) (tenancy_replica_phase{<sel>, tenancy_phase="refused"}) == 1`,

			Summary:     "A replica is not synced",
			Description: "{{ $labels.instance }} has not read all tenants, or cannot read the change log: its reads go to the database, or will when MaxStale is over.",
			Test: Test{
				After: "20m", Labels: map[string]string{"instance": "a"},
				Fires:  []Input{{`tenancy_replica_phase{tenancy_phase="synced"}`, "1x2 0x30"}, {`tenancy_replica_phase{tenancy_phase="refused"}`, "0x30"}},
				Silent: []Input{{`tenancy_replica_phase{tenancy_phase="synced"}`, "0x6 1x30"}, {`tenancy_replica_phase{tenancy_phase="refused"}`, "0x30"}},
			},
		},
		{
			Name: "TenancyReplicaTooSmall", For: "0m", Severity: "ticket",
			Expr: `max by (job, tenancy_store) (tenancy_replica_phase{<sel>, tenancy_phase="refused"}) == 1`,

			Summary:     "There are more tenants than replicas may hold",
			Description: "At least one replica holds no tenants until it starts again: every read goes to the database.",
			Test: Test{
				After:  "10m",
				Fires:  []Input{{`tenancy_replica_phase{tenancy_phase="refused"}`, "0x3 1x20"}},
				Silent: []Input{{`tenancy_replica_phase{tenancy_phase="refused"}`, "0x20"}, {`tenancy_replica_phase{tenancy_phase="starting"}`, "1x20"}},
			},
		},
	}
}
