//go:build unix

package stacks

import (
	"context"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// TestTriggersGone: where somebody has taken the triggers away under running processes,
// no write claims to have succeeded, and the node that tried serves nothing outdated.
func TestTriggersGone(t *testing.T) {
	for name, statement := range map[string]string{
		"disabled":     "ALTER TABLE tenants DISABLE TRIGGER ALL",
		"for replicas": "SELECT 1; DO $$DECLARE t text; BEGIN FOR t IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'tenants'::regclass AND NOT tgisinternal LOOP EXECUTE format('ALTER TABLE tenants ENABLE REPLICA TRIGGER %I', t); END LOOP; END$$",
		"dropped":      "DO $$DECLARE t text; BEGIN FOR t IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'tenants'::regclass AND NOT tgisinternal LOOP EXECUTE format('DROP TRIGGER %I ON tenants', t); END LOOP; END$$",
	} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t, plan{nodes: 1, postgres: true, valkey: true})
			s := f.nodes[0].store.Load()
			acme, err := s.Create(t.Context(), tenancy.Tenant{ID: "t1", Identifier: "acme", Name: "Acme"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.GetByID(t.Context(), "t1"); err != nil {
				t.Fatal(err)
			}
			execute(t, f.postgres.DSN(), statement)
			for _, c := range []struct {
				op    string
				write func(ctx context.Context) error
			}{
				{"SetStatus", func(ctx context.Context) error { _, err := s.SetStatus(ctx, "t1", tenancy.StatusSuspended); return err }},
				{"Update", func(ctx context.Context) error {
					acme.Name = "Acme Inc."
					_, err := s.Update(ctx, acme)
					return err
				}},
				{"Update from the same revision", func(ctx context.Context) error {
					acme.Name = "Acme Ltd."
					_, err := s.Update(ctx, acme)
					return err
				}},
				{"BulkUpdateStatus", func(ctx context.Context) error {
					_, err := s.BulkUpdateStatus(ctx, []string{"t1"}, tenancy.StatusActive)
					return err
				}},
				{"Create", func(ctx context.Context) error {
					_, err := s.Create(ctx, tenancy.Tenant{ID: "t2", Identifier: "bolt", Name: "Bolt"})
					return err
				}},
				{"Delete", func(ctx context.Context) error { return s.Delete(ctx, "t1") }},
			} {
				err := c.write(t.Context())
				if err == nil || !strings.Contains(err.Error(), "rigger") && c.op != "Create" { // which the table refuses
					t.Errorf("%s: %v, want an error that speaks of triggers", c.op, err)
				}
				want, wantErr := f.raw.GetByID(t.Context(), "t1")
				got, gotErr := s.GetByID(t.Context(), "t1")
				if got != want || (gotErr == nil) != (wantErr == nil) {
					t.Errorf("after %s: serves %+v, %v; the database has %+v, %v", c.op, got, gotErr, want, wantErr)
				}
			}
		})
	}
}
