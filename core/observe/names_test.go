package observe_test

import (
	"testing"

	"github.com/go-tenancy/tenantstore/core/memstore"
	"github.com/go-tenancy/tenantstore/core/observe"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestNamesAreCounted(t *testing.T) {
	s, err := observe.Wrap(memstore.New(), observe.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx := t.Context()
	if _, err := s.Create(ctx, tenancy.Tenant{ID: "id-acme", Identifier: "acme", Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		op   observe.Operation
		want observe.Outcome
		do   func() error
	}{
		{observe.AddDomain, observe.OK, func() error { _, err := s.AddDomain(ctx, "id-acme", "acme.test"); return err }},
		{observe.GetByDomain, observe.NotFound, func() error { _, err := s.GetByDomain(ctx, "acme.test"); return err }},
		{observe.VerifyDomain, observe.OK, func() error { _, err := s.VerifyDomain(ctx, "id-acme", "acme.test"); return err }},
		{observe.GetByDomain, observe.OK, func() error { _, err := s.GetByDomain(ctx, "acme.test"); return err }},
		{observe.SetPrimaryDomain, observe.OK, func() error { _, err := s.SetPrimaryDomain(ctx, "id-acme", "acme.test"); return err }},
		{observe.NamesOf, observe.OK, func() error { _, err := s.NamesOf(ctx, "id-acme"); return err }},
		{observe.ListNames, observe.OK, func() error { _, err := s.ListNames(ctx, tenancy.TenantName{}, 0); return err }},
		{observe.RemoveDomain, observe.OK, func() error { _, err := s.RemoveDomain(ctx, "id-acme", "acme.test"); return err }},
		{observe.RemoveDomain, observe.NotFound, func() error { _, err := s.RemoveDomain(ctx, "id-acme", "acme.test"); return err }},
		{observe.FormerOwner, observe.NotFound, func() error { _, err := s.FormerOwner(ctx, "acme"); return err }},
	} {
		before := s.Calls(step.op, step.want)
		if err := step.do(); observe.OutcomeOf(err) != step.want {
			t.Errorf("%s: %v, want %s", step.op, err, step.want)
		}
		if n := s.Calls(step.op, step.want) - before; n != 1 {
			t.Errorf("%s that ended with %s was counted %d times", step.op, step.want, n)
		}
	}
}
