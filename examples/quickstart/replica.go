package main

import (
	"net/http"
	"time"

	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// replicaState is what a replica is at.
type replicaState struct {
	Phase       replica.Phase    `json:"phase"`
	Since       time.Time        `json:"since"`
	Serving     bool             `json:"serving"`
	Position    tenancy.Position `json:"position"`
	LastContact time.Time        `json:"last_contact"`
	Tenants     int              `json:"tenants"`
	Scans       int64            `json:"scans"`
	Snapshot    time.Time        `json:"snapshot,omitzero"` // when the tenants of the file were current
	Error       string           `json:"error,omitempty"`
}

// replica answers GET /admin/replica: what the replica of the stack is at, or 404 if
// there is none.
func (s *service) replica(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	for one := range replica.Walk(s.store) {
		st := one.State()
		state := replicaState{st.Phase, st.Since, st.Serving, st.Position, st.LastContact, st.Tenants, st.Scans, st.Snapshot, ""}
		if st.Err != nil {
			state.Error = st.Err.Error()
		}
		s.write(w, r, http.StatusOK, state)
		return nil
	}
	return tenancy.ErrNotFound
}
