package main

import (
	"net/http"

	"github.com/go-tenancy/tenantstore/core/tier"
)

// tiers answers GET /admin/tiers: what the caches did since the start.
func (s *service) tiers(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	var stats tier.Stats // zero if there are no caches
	if stack, ok := tier.Of(s.store); ok {
		stats = stack.Stats()
	}
	s.write(w, r, http.StatusOK, stats)
	return nil
}
