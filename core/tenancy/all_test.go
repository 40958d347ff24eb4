package tenancy_test

import (
	"errors"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
)

func TestAll(t *testing.T) {
	s := seeded(t, 7)
	collect := func(opts tenancy.ListOptions) (all []tenancy.Tenant) {
		for tenant, err := range tenancy.All(t.Context(), s, opts) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, tenant)
		}
		return all
	}
	for limit, pages := range map[int]int{0: 1, 1: 7, 2: 4, 3: 3, 7: 1, 8: 1} {
		s.took()
		if got := ids(collect(tenancy.ListOptions{Limit: limit})); got != "t6 t5 t4 t3 t2 t1 t0" {
			t.Errorf("pages of %d: %s", limit, got)
		}
		if calls := s.took(); len(calls) != pages {
			t.Errorf("pages of %d: %d calls, want %d", limit, len(calls), pages)
		}
	}
	if got := ids(collect(tenancy.ListOptions{Limit: 2, Offset: 3})); got != "t3 t2 t1 t0" {
		t.Errorf("from an offset: %s", got)
	}
	if got := collect(tenancy.ListOptions{Filter: tenancy.Filter{Statuses: []tenancy.Status{tenancy.StatusDeleted}}}); len(got) != 0 {
		t.Errorf("none: %s", ids(got))
	}
	s.took()
	seq := tenancy.All(t.Context(), s, tenancy.ListOptions{Limit: 2})
	for range 2 { // a sequence can be ranged over again
		var got []tenancy.Tenant
		for tenant := range seq {
			if got = append(got, tenant); len(got) == 3 {
				break
			}
		}
		if ids(got) != "t6 t5 t4" {
			t.Errorf("broken off: %s", ids(got))
		}
	}
	if calls := s.took(); len(calls) != 4 {
		t.Errorf("breaking off twice took %d pages, want 4", len(calls))
	}
}

func TestAllEndsWithAnError(t *testing.T) {
	s := seeded(t, 3)
	n, failed := 0, 0
	for tenant, err := range tenancy.All(t.Context(), s, tenancy.ListOptions{Limit: 2}) {
		if err != nil {
			failed++
			if !errors.Is(err, tenancy.ErrUnavailable) || tenant != (tenancy.Tenant{}) {
				t.Errorf("%+v, %v", tenant, err)
			}
			continue
		}
		if n++; n == 2 {
			s.fail = tenancy.ErrUnavailable
		}
	}
	if n != 2 || failed != 1 {
		t.Errorf("%d tenants and %d errors, want 2 and 1", n, failed)
	}
}
