package checker_test

import (
	"testing"
	"time"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/integration/checker"
)

// What a node shows under a domain is judged: the owner before, after the node has removed
// the domain; and nobody, while the tenant still has it.
func TestDomainsAreJudged(t *testing.T) {
	ctx, key := t.Context(), tenancy.Key{Kind: tenancy.KindDomain, Value: "acme.test"}
	for name, c := range map[string]struct {
		write func(s tenancy.Store, id string) (tenancy.Tenant, error)
		show  func(before, after tenancy.Tenant) (tenancy.Tenant, error)
		wrong bool
	}{
		"the owner before": {
			func(s tenancy.Store, id string) (tenancy.Tenant, error) { return s.RemoveDomain(ctx, id, "acme.test") },
			func(before, _ tenancy.Tenant) (tenancy.Tenant, error) { return before, nil }, true,
		},
		"nobody": {
			func(s tenancy.Store, id string) (tenancy.Tenant, error) { return s.RemoveDomain(ctx, id, "acme.test") },
			func(_, after tenancy.Tenant) (tenancy.Tenant, error) { return tenancy.Tenant{}, tenancy.ErrNotFound }, false,
		},
		"the owner": {
			func(s tenancy.Store, id string) (tenancy.Tenant, error) {
				return s.SetStatus(ctx, id, tenancy.StatusSuspended)
			},
			func(_, after tenancy.Tenant) (tenancy.Tenant, error) { return after, nil }, false,
		},
		"nobody, though there is an owner": {
			func(s tenancy.Store, id string) (tenancy.Tenant, error) {
				return s.SetStatus(ctx, id, tenancy.StatusSuspended)
			},
			func(tenancy.Tenant, tenancy.Tenant) (tenancy.Tenant, error) {
				return tenancy.Tenant{}, tenancy.ErrNotFound
			}, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, judge := memstore.New(), checker.New(1, time.Hour)
			acme, err := s.Create(ctx, tenancy.Tenant{Identifier: "acme", Name: "Acme"})
			if err == nil {
				_, err = s.AddDomain(ctx, acme.ID, "acme.test")
			}
			if err == nil {
				acme, err = judge.Write(0, func() (tenancy.Tenant, error) { return s.VerifyDomain(ctx, acme.ID, "acme.test") })
			}
			if err != nil {
				t.Fatal(err)
			}
			after, err := judge.Write(0, func() (tenancy.Tenant, error) { return c.write(s, acme.ID) })
			if err != nil {
				t.Fatal(err)
			}
			_, _ = judge.Read(0, key, func() (tenancy.Tenant, error) { return c.show(acme, after) })
			if err := judge.Finish(ctx, s); err != nil {
				t.Fatal(err)
			}
			if r := judge.Report(); (r.Violations > 0) != c.wrong {
				t.Errorf("%d violations: %q", r.Violations, r.Examples)
			}
		})
	}
}
