package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-tenancy/tenantstore/core/replica"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

const readyTimeout = 2 * time.Second

type health struct {
	Status string `json:"status"`
}

// healthz answers GET /healthz: the process is alive. It does not ask the store:
// a restart would not mend that.
func (s *service) healthz(w http.ResponseWriter, r *http.Request) error {
	s.write(w, r, http.StatusOK, health{"alive"})
	return nil
}

// readyz answers GET /readyz: the store answers, so requests may be sent here. A replica
// does so without the database.
func (s *service) readyz(w http.ResponseWriter, r *http.Request) error {
	for one := range replica.Walk(s.store) {
		if one.State().Serving {
			s.write(w, r, http.StatusOK, health{"ready"})
			return nil
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	// Fresh, for a cache in between would say nothing about the database; any
	// ID will do.
	if _, err := tenancy.Fresh(s.store).Exists(ctx, "readyz"); err != nil {
		return fmt.Errorf("not ready: %w", err)
	}
	s.write(w, r, http.StatusOK, health{"ready"})
	return nil
}
