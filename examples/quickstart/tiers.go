package main

import (
	"net/http"

	"github.com/go-tenancy/tenantstore/core/tier"
)

// tierStats is what one tier did since the start.
type tierStats struct {
	Shared bool `json:"shared"` // with other processes
	tier.Stats
}

// tiers answers GET /admin/tiers: the tiers of the stack, outermost first.
func (s *service) tiers(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	stats := []tierStats{}
	for t := range tier.Walk(s.store) {
		stats = append(stats, tierStats{t.Cache().Shared(), t.Stats()})
	}
	s.write(w, r, http.StatusOK, stats)
	return nil
}
