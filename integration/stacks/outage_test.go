//go:build unix

package stacks

import (
	"errors"
	"testing"

	"github.com/go-tenancy/tenantstore/adapters/bun/bunpg"
	"github.com/go-tenancy/tenantstore/adapters/ristretto/ristrettotier"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/servers"
)

// TestWritesWhileTheDatabaseIsDown: they fail, and say that nothing has changed; what is
// cached is served on. When the database is back, the first write succeeds.
func TestWritesWhileTheDatabaseIsDown(t *testing.T) {
	for name, down := range map[string]func(*servers.Postgres) error{
		"stopped": (*servers.Postgres).Stop,
		"killed":  (*servers.Postgres).Kill,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, postgres := t.Context(), servers.NewPostgres(t, servers.PostgresOptions{})
			primary, err := bunpg.Open(ctx, postgres.DSN())
			if err != nil {
				t.Fatal(err)
			}
			s, err := ristrettotier.New(primary)
			if err != nil {
				t.Fatal(errors.Join(err, primary.Close()))
			}
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			acme, err := s.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"})
			if err != nil {
				t.Fatal(err)
			}
			served := func() {
				t.Helper()
				if got, err := s.GetByIdentifier(ctx, "acme"); err != nil || got != acme {
					t.Errorf("a cached tenant: %+v, %v", got, err)
				}
			}
			served()
			if err := down(postgres); err != nil {
				t.Fatal(err)
			}
			served()
			for range 3 {
				if _, err := s.SetStatus(ctx, acme.ID, tenancy.StatusSuspended); !errors.Is(err, tenancy.ErrUnavailable) || !errors.Is(err, tenancy.ErrNotApplied) {
					t.Errorf("a write: %v, want ErrUnavailable and ErrNotApplied", err)
				}
				served()
			}
			if err := postgres.Start(ctx); err != nil {
				t.Fatal(err)
			}
			if acme, err = s.SetStatus(ctx, acme.ID, tenancy.StatusSuspended); err != nil {
				t.Errorf("the first write after the outage: %v", err)
			}
			served()
		})
	}
}
