package driver_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-tenancy/tenantstore/core/tenancy"
	"github.com/go-tenancy/tenantstore/core/tenancy/driver"
)

// collisions are tenants of which some are invalid and some share a key.
func collisions() (ts []tenancy.Tenant, want string) {
	return []tenancy.Tenant{
		{ID: "a", Identifier: "aaa", Name: "A"},
		{ID: "b", Identifier: "aaa", Name: "the same identifier"},
		{ID: "b", Identifier: "bbb", Name: "an ID that is still free"},
		{ID: "c", Identifier: "C", Name: "invalid"},
		{ID: "c", Identifier: "ccc", Name: "C"},
		{ID: "c", Identifier: "ddd", Name: "the same ID"},
		{Identifier: "eee", Name: "no ID"},
		{Identifier: "eee", Name: "no ID, the same identifier"},
		{Identifier: "fff"},
	}, "ok identifier ok identifier ok id ok identifier name"
}

func outcomes(results []tenancy.CreateResult) string {
	var all []string
	for _, r := range results {
		var e *tenancy.Error
		switch {
		case r.Err == nil && r.Tenant.Revision > 0:
			all = append(all, "ok")
		case errors.As(r.Err, &e) && e.Op == "Create" && (errors.Is(r.Err, tenancy.ErrInvalid) || errors.Is(r.Err, tenancy.ErrAlreadyExists)):
			all = append(all, e.Field)
		default:
			all = append(all, fmt.Sprintf("(%+v)", r))
		}
	}
	return strings.Join(all, " ")
}

func TestCreateBatch(t *testing.T) {
	ts, want := collisions()
	batching := &fast{}
	for name, s := range map[string]tenancy.Store{
		"a backend with CreateBatch": extend(t, batching),
		"a backend without":          extend(t, &fake{}),
	} {
		results, err := s.CreateBatch(t.Context(), ts)
		if err != nil || outcomes(results) != want {
			t.Errorf("%s: %s, %v\nwant %s", name, outcomes(results), err, want)
		}
		if results, err := s.CreateBatch(t.Context(), nil); err != nil || len(results) != 0 {
			t.Errorf("%s: no tenants: %v, %v", name, results, err)
		}
	}
	for _, batch := range batching.batches {
		seen := map[tenancy.Key]bool{}
		for _, tenant := range batch {
			for _, k := range driver.KeysOf(nil, &tenant) {
				if seen[k] || tenant.Validate() != nil {
					t.Errorf("the backend was given %+v", batch)
				}
				seen[k] = true
			}
		}
	}
	if len(batching.batches) > 5 {
		t.Errorf("%d calls for 5 tenants", len(batching.batches))
	}
}

// What is known about a batch that fails half-way is not thrown away.
func TestCreateBatchThatFails(t *testing.T) {
	ts := []tenancy.Tenant{
		{ID: "a", Identifier: "aaa", Name: "A"},
		{ID: "x", Identifier: "X", Name: "invalid"},
		{ID: "b", Identifier: "bbb", Name: "B"},
		{ID: "y", Identifier: "Y", Name: "invalid"},
		{ID: "c", Identifier: "ccc", Name: "C"},
	}
	for _, c := range []struct {
		lose int
		fail error
		want string
	}{
		{1, tenancy.ErrUnavailable, "ok identifier ok identifier"},
		{2, errors.New("boom"), "ok identifier"},
		{3, context.Canceled, ""},
		{1, nil, "ok identifier ok identifier"}, // a backend that breaks its contract
	} {
		s := extend(t, &fast{fake: fake{fail: c.fail}, lose: c.lose})
		results, err := s.CreateBatch(t.Context(), ts)
		reason := c.fail
		if reason == nil {
			reason = tenancy.ErrUnavailable
		}
		wantError(t, "CreateBatch", err, reason, "CreateBatch")
		if got := outcomes(results); got != c.want {
			t.Errorf("lost %d: %s, want %s", c.lose, got, c.want)
		}
	}
	one := extend(t, &failSecond{})
	results, err := one.CreateBatch(t.Context(), ts)
	wantError(t, "one by one", err, tenancy.ErrUnavailable, "Create")
	if got := outcomes(results); got != "ok identifier" {
		t.Errorf("one by one: %s", got)
	}
}

type failSecond struct{ fake }

func (f *failSecond) Create(ctx context.Context, t tenancy.Tenant) (tenancy.Tenant, error) {
	if len(f.tenants) == 1 {
		return tenancy.Tenant{}, errors.New("boom")
	}
	return f.fake.Create(ctx, t)
}

// A batch of equal tenants must not cost the square of its length.
func TestCreateBatchOfEqualTenants(t *testing.T) {
	s := extend(t, &fast{})
	ts := make([]tenancy.Tenant, 5000)
	for i := range ts {
		ts[i] = tenancy.Tenant{Identifier: "acme", Name: "Acme"}
	}
	got := allocated(func() {
		if _, err := s.CreateBatch(t.Context(), ts); err != nil {
			t.Error(err)
		}
	})
	if each := got / uint64(len(ts)); each > 20_000 {
		t.Errorf("%d bytes for each tenant", each)
	}
}
