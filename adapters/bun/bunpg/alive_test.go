package bunpg_test

import (
	"sync"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Sessions that the server has ended, as it does when it is restarted, fail no
// call, however short ago they were used.
func TestEndedSessionsFailNothing(t *testing.T) {
	dsn := newDatabase(t)
	admin := connect(t, dsn)
	s := open(t, dsn, bunpg.WithoutListen())
	acme, err := s.Create(t.Context(), tenancy.Tenant{Identifier: "acme", Name: "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		var reading sync.WaitGroup
		for range 4 { // so that the pool has several
			reading.Go(func() {
				if _, err := s.GetByID(t.Context(), acme.ID); err != nil {
					t.Errorf("round %d: read: %v", round, err)
				}
			})
		}
		reading.Wait()
		exec(t, admin, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		if _, err := s.SetStatus(t.Context(), acme.ID, tenancy.StatusSuspended); err != nil {
			t.Errorf("round %d: write: %v", round, err)
		}
	}
}
